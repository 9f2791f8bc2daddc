/* log_sink.h - lines on their way to stderr or a file, written by a thread of their own.
 *
 * Whoever has a line never waits for the reader of the log: when it is slow, lines are dropped and counted. */
#ifndef SERVER_LOG_SINK_H
#define SERVER_LOG_SINK_H
#include "engine/base/status.h"
#include "engine/base/types.h"

enum { LOG_SINK_LINE_BYTES = 8192 }; /* the longest line */

struct log_sink;

/* path NULL: stderr. The file is made or appended to. CNN_IO names it. */
enum cnn_status log_sink_new(const char *path, struct log_sink **out, struct cnn_error *err);
/* Any thread; the line ends with '\n'. Never blocks. */
void log_sink_push(struct log_sink *sink, const char *line, size_t len);
/* Open the file again, after it was renamed. What cannot be opened stays as it is. NULL-safe. */
void log_sink_reopen(struct log_sink *sink);
uint64_t log_sink_dropped(struct log_sink *sink); /* lines; NULL-safe */
/* Write what is left, for at most a second. NULL-safe. */
void log_sink_free(struct log_sink *sink);

#endif
