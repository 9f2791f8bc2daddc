/* views.h - requests that want to see what a network makes of a picture: feature maps, filters, heat maps.
 *
 * They have a queue and a thread of their own, which gives way to the workers, so that predictions do not wait for
 * them: at most one view runs at a time. The thread keeps the models it has opened for viewing, within
 * --view-bytes, and closes those that nobody has looked at for a while. Loop thread only, but for what view_run.h
 * has. */
#ifndef SERVER_VIEWS_H
#define SERVER_VIEWS_H
#include "server/context.h"
#include "server/reply.h"
#include "server/view_run.h"

struct request;
struct views;

enum cnn_status views_new(struct server *server, struct views **out, struct cnn_error *err);
/* Answer the request as `ask` has it, which is taken over, its body included; the model is that of the request's
 * path. The reply is set here when nothing could be started, later otherwise, and then request_done() is called. */
void views_start(struct views *views, struct request *request, const struct registry_model *model,
                 struct view_ask *ask);
/* May one more wait? False: the reply refuses with 503 and Retry-After. */
bool views_check(struct views *views, struct request *request);
/* Wait for the view that runs, and free once the loop has run on; the requests are answered by then. NULL-safe. */
void views_free(struct views *views);

/* Those that wait or are being computed, and the memory of the models that are open; NULL: 0. */
size_t views_alive(const struct views *views);
size_t views_bytes(struct views *views);

#endif
