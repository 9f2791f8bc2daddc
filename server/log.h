/* log.h - the server's messages, a line each on stderr. Any thread may write. */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

enum log_format { LOG_TEXT, LOG_JSON }; /* the choices of --log-format, in its order */
enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

/* Text: the message alone, with "warning: " or "error: " before it. JSON: {"time", "level", "message"}.
 * Control characters become '?', so that a message stays one line whatever it quotes. */
void log_line(enum log_format format, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
