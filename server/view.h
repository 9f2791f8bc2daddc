/* view.h - one request that looks into a network, on its way: wait, decode, run, draw, answer.
 *
 * Like a prediction it is owned by itself, and lives until the thread is done with it, also when nobody waits for it
 * any more. Loop thread only. */
#ifndef SERVER_VIEW_H
#define SERVER_VIEW_H
#include "engine/see_heat.h"
#include "engine/see_picture.h"
#include "server/context.h"
#include "server/job.h"

struct request;
struct view;

enum view_form { VIEW_AS_PNG, VIEW_AS_JSON, VIEW_AS_FLOATS, VIEW_AS_EVENTS };

/* What is asked for. The request's arena has what it points to, but for `channel` and `wanted`. */
struct view_ask {
	enum view_kind kind;
	enum view_form form;
	size_t layer;
	uint32_t *channel; /* from malloc(), taken over as `wanted` is */
	size_t n_channel, top;
	struct see_look look;
	bool *wanted;                   /* of a strip: [layers]; NULL: all */
	int32_t width, height, columns; /* of a strip */
	int64_t cls;                    /* what an explanation is of; -1: the best class */
	enum heat_method method;
	double opacity;
	const uint8_t *picture; /* in the request's body; NULL: none */
	size_t len;
	const char *etag; /* NULL: none */
};
void view_ask_clear(struct view_ask *ask);

/* Takes the request's body and what the ask owns. The reply is set here when nothing could be started, later otherwise,
 * and then request_done() is called. */
void view_start(struct request *request, const struct registry_model *model, struct view_ask *ask);

/* Set the waiting request's reply now; the request no longer waits. */
void view_give_up(struct view *view, enum prediction_end why);
bool view_is_late(const struct view *view);
/* The request ends while its answer is being sent. */
void view_forget_request(struct view *view);

/* Whether one more may wait; the reply says so when not. */
bool view_admit(struct request *request);

#endif
