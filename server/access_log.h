/* access_log.h - a line for each answered request. Loop thread only.
 *
 * Text is the combined format of other servers and, after it, name=value pairs; JSON has the same in an object. What
 * a client sent is escaped byte by byte (\xHH), so that a line is one line of printable ASCII whatever it holds. */
#ifndef SERVER_ACCESS_LOG_H
#define SERVER_ACCESS_LOG_H
#include "server/config.h"
#include "server/log_sink.h"

struct access_log;
struct request;

enum access_log_mode {
	ACCESS_OFF,
	ACCESS_SAMPLED,
	ACCESS_ON
}; /* the choices of --access-log, in its order */

/* By --access-log, --access-log-file and --log-format; *out is NULL when it is off. `messages` is where lines go
 * when no file is given; it is borrowed. */
enum cnn_status access_log_new(const struct config *config, struct log_sink *messages,
                               struct access_log **out, struct cnn_error *err);
/* The reply is set, or its status is 0: the client left before. NULL-safe. */
void access_log_request(struct access_log *log, const struct request *request);
void access_log_reopen(struct access_log *log);            /* NULL-safe, as the others below */
uint64_t access_log_dropped(const struct access_log *log); /* of its file's lines */
void access_log_free(struct access_log *log);

/* Copy what fits, with '"', '\' and bytes that are no printable ASCII as \xHH; `slash` is written for each '\'. */
void access_log_escape(const char *text, size_t len, const char *slash, char *out, size_t size);

#endif
