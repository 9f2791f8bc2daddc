/* inference.h - an inference request as infer.c and infer_item.c see it; infer.h says what they do. */
#ifndef SERVER_INFERENCE_H
#define SERVER_INFERENCE_H
#include "server/infer.h"
#include "server/oip_batch.h"
#include "server/oip_reply.h"

struct infer_item {
	struct batch_job batch;
	struct infer *owner;
	struct infer_item *next_done;
	struct oip_bytes encoded;
	struct image pixels;
};

struct infer {
	struct server *server;
	struct request *request; /* NULL: nobody waits */
	struct cnn_model *model; /* holds one reference */
	char *name;              /* as served */
	struct batch_queue *queue;
	struct model_stats *stats;
	struct infer_form form;
	struct arena *arena;
	uv_work_t work; /* reading, then writing */
	atomic_bool left;
	enum metric_outcome given_up; /* how items that nobody waits for are counted */

	uint8_t *body;
	size_t body_len;
	size_t counted; /* bytes that server->body_bytes counts for it */
	struct oip_request asked;
	struct oip_batch batch;
	struct infer_item *item; /* [batch.n] */
	float *scores;
	size_t unfinished;
	unsigned priority; /* of the request's header */
	struct oip_reply reply;

	enum cnn_status status; /* of reading and writing */
	struct cnn_error error;
	uint64_t started_ns, read_ns, run_ns, deadline_ns;
};

/* Nanoseconds; 0 when it did not begin. */
static inline uint64_t time_spent(uint64_t from_ns, uint64_t to_ns)
{
	return from_ns && to_ns > from_ns ? to_ns - from_ns : 0;
}

/* Waiting for its batch, and decoded for its neighbours there. */
static inline uint64_t item_queue_ns(const struct batch_job *b)
{
	return time_spent(b->queued_ns, b->prepare_ns) + time_spent(b->prepared_ns, b->started_ns);
}

/* Answer with an error now; items that are still on their way are of no use. Nothing when nobody waits. */
void infer_fail(struct infer *infer, unsigned http_status, const char *code, const char *text);
/* The same for what went wrong. What the client sent, pictures too, is its own fault: 400. */
void infer_fail_status(struct infer *infer, enum cnn_status status, const char *text);

/* Decode and run all items; infer_part_done() is called for each and once more. */
void infer_start_items(struct infer *infer);
/* One part of the waiting is over; the last one ends it. */
void infer_part_done(struct infer *infer);

#endif
