/* infer.h - an inference request on its way: read, decode, queue, run, write.
 *
 * Like a prediction it is owned by itself, and lives until the last of its items is back, also when nobody waits for
 * it any more. Loop thread only; reading, decoding, writing and done() run elsewhere. */
#ifndef SERVER_INFER_H
#define SERVER_INFER_H
#include "server/context.h"
#include "server/job.h"

struct infer;
struct request;

/* How the request is put. */
struct infer_form {
	bool v1;         /* {"instances"}, else {"inputs"} */
	bool raw;        /* the body is the one input */
	size_t json_len; /* how much of the body is JSON */
};

/* Takes the request's body. The reply is set here when nothing could be started, later otherwise, and then
 * request_done() is called. */
void infer_start(struct request *request, const struct registry_model *model,
                 const struct infer_form *form);

/* Set the waiting request's reply now; the request no longer waits. */
void infer_give_up(struct infer *infer, enum prediction_end why);
bool infer_is_late(const struct infer *infer);

/* Take what the workers finished since the last call. */
void infers_take_done(struct server *server);

#endif
