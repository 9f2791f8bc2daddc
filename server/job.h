/* job.h - the pictures of one request on their way: decode, queue, run, reply.
 *
 * A prediction is owned by itself: it lives until the last of its pictures is back, also when nobody waits for
 * it any more. Loop thread only; decoding and done() run on the batcher's workers and touch only their own job. */
#ifndef SERVER_JOB_H
#define SERVER_JOB_H
#include "server/context.h"

struct prediction;
struct request;

struct picture_bytes {
	const uint8_t *bytes; /* in the request's body */
	size_t len;
};

/* Start n >= 1 pictures through the model, which takes pictures. Takes the request's body. The request's reply is
 * set here when nothing could be started, later otherwise, and then request_done() is called. `listed`: the reply
 * is {"results": [...]}. */
void prediction_start(struct request *request, const struct registry_model *model, size_t top,
                      const struct picture_bytes picture[], size_t n, bool listed);

enum prediction_end {
	PREDICTION_EXPIRED,  /* its deadline passed */
	PREDICTION_LEFT,     /* the client is gone */
	PREDICTION_DRAINING, /* the server ends */
};
/* Set the waiting request's reply now, with an error in place of what is not finished; the request no longer waits. */
void prediction_give_up(struct prediction *p, enum prediction_end why);
bool prediction_is_late(const struct prediction *p);

/* Take what the workers finished since the last call. */
void jobs_take_done(struct server *server);

#endif
