/* watch.h - hears of changes in folders, through inotify. */
#ifndef SERVER_WATCH_H
#define SERVER_WATCH_H
#include "engine/base/status.h"

#include <uv.h>

struct watch;

/* `changed` is called on the loop when something happened in one of the folders; what, a look at them tells. */
enum cnn_status watch_new(uv_loop_t *loop, void (*changed)(void *ctx), void *ctx,
                          struct watch **out, struct cnn_error *err);
/* Any thread. A folder that is watched already stays so; one that is gone is none to be watched. A folder must
 * be added before it is looked at, or a change between the two is missed. */
enum cnn_status watch_add(struct watch *watch, const char *folder, struct cnn_error *err);
/* Free once the loop has run on; NULL-safe. */
void watch_free(struct watch *watch);

#endif
