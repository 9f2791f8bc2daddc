/* views.h - the one thread that looks into networks, and its queue. Loop thread only.
 *
 * It is of low priority, and opens a model a second time to look into it, so that what is served knows nothing of it. */
#ifndef SERVER_VIEWS_H
#define SERVER_VIEWS_H
#include "server/context.h"

struct views;

enum cnn_status views_new(struct server *server, struct views **out, struct cnn_error *err);
/* This model serves no more: close what is open of it, soon. NULL-safe. */
void views_drop(struct views *views, const struct cnn_model *model);
/* Fill the gauges; NULL-safe. */
void views_read(struct views *views, struct metrics *metrics);
/* After http_stop(): end what runs, and free once the loop has run on. NULL-safe. */
void views_free(struct views *views);

#endif
