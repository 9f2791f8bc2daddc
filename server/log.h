/* log.h - the server's messages, a line each on stderr. Any thread may write. */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H
#include <stddef.h>

struct log_sink;

enum log_format { LOG_TEXT, LOG_JSON }; /* the choices of --log-format, in its order */
enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log {
	enum log_format format;
	struct log_sink *sink; /* NULL: straight to stderr, which may block */
};

/* Text: the message alone, with "warning: " or "error: " before it. JSON: {"time", "level", "message"}.
 * Control characters become '?', so that a message stays one line whatever it quotes. */
void log_line(const struct log *log, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

enum { LOG_STAMP_BYTES = 32 };
void log_stamp(char out[LOG_STAMP_BYTES]); /* now: "2026-11-26T01:02:03.456Z" */

#endif
