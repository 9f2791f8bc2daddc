/* notify.h - tells the supervisor how it goes, in sd_notify(3)'s words. Loop thread only; NULL where nobody listens. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H
#include "engine/base/status.h"

struct notify;

/* Before the sandbox, which opens no sockets. *out is NULL when the environment's NOTIFY_SOCKET names nobody. */
enum cnn_status notify_new(struct notify **out, struct cnn_error *err);
void notify_free(struct notify *notify);

/* What was begun, the start or a reload, is done. Nothing is told twice. */
void notify_ready(struct notify *notify);
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);

#endif
