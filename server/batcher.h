/* batcher.h - groups waiting pictures into runs on worker threads. Knows no HTTP and no libuv.
 *
 * One batcher owns the workers of the process; each model has a queue of its own. A worker without work takes
 * from the queue that has had the least time for its weight, and of that the most urgent jobs, as many
 * as its pace says pay, and leaves a fair part to other idle workers. So a lone picture is never held back
 * while a worker is idle (max_delay_ns is 0), batches grow under load where that helps, and a model that is flooded
 * does not starve the others. Workers also prepare (decode) their jobs: there is one thread for each core, whatever
 * it does, and what nobody waits for any more is not even decoded. */
#ifndef SERVER_BATCHER_H
#define SERVER_BATCHER_H
#include "engine/cnn.h"
#include "server/batch_line.h"
#include "server/pace.h"

#include <stdatomic.h>

struct batcher;
struct batch_queue; /* belongs to the batcher */

enum batch_outcome {
	BATCH_DONE,
	BATCH_EXPIRED,   /* its deadline passed before it ran */
	BATCH_ABANDONED, /* nobody waits for it any more */
	BATCH_FAILED,    /* error says why */
};

/* Embedded in its owner. The owner fills the first group and keeps it alive until done(),
 * which every accepted job receives exactly once, on a worker thread. done() must not block. */
struct batch_job {
	const struct image *pixels;
	const void *tensor;   /* in place of pixels: see struct cnn_item */
	bool raw;             /* wants the network's own output, which may hold what is no number */
	float *scores;        /* [classes] */
	uint64_t deadline_ns; /* monotonic clock; 0: none */
	unsigned priority;    /* 1 is served first, 9 last; 0: as the model's others */
	size_t bytes;         /* of memory that it holds while it waits */
	atomic_bool abandoned; /* may be set at any time by the owner */
	/* Makes the pixels, on a worker, just before the run; NULL: they are there. A failure fills `error`. */
	enum cnn_status (*prepare)(struct batch_job *job);
	void (*done)(struct batch_job *job);

	enum batch_outcome outcome; /* the rest is set before done() */
	struct cnn_error error;
	/* Monotonic clock; 0: it did not come so far. */
	uint64_t queued_ns, prepare_ns, prepared_ns, started_ns, finished_ns;
	uint32_t batch;      /* pictures in its run */
	uint32_t worker;     /* which thread, from 0 */
	bool first_of_batch; /* of those in its run exactly one is */
	struct batch_job *next;
};

struct batcher_options {
	size_t workers;   /* threads, each running its own batches */
	size_t max_batch; /* of each model also limited by its own cnn_load_options.max_batch */
	size_t max_queue; /* jobs waiting, over all models */
	size_t max_queue_bytes; /* that waiting jobs may hold; 0: any number */
	uint64_t
		max_delay_ns; /* how long the first job of a batch waits for company; then batches are as large as
	                      * they may be, whether that pays or not */
};

enum cnn_status batcher_new(const struct batcher_options *options, struct batcher **out,
                            struct cnn_error *err);

/* Make a queue for a model (one reference is taken) and a session of it for every worker, so that
 * nothing is allocated while running. */
enum cnn_status batcher_add_model(struct batcher *b, struct cnn_model *model,
                                  struct batch_queue **out, struct cnn_error *err);

/* The session that each worker will run, for a first look at the model before anything is submitted; returns how
 * many there are. Also its queue's largest batch. */
size_t batcher_sessions(const struct batch_queue *queue, struct cnn_session *const **out);
size_t batcher_max_batch(const struct batch_queue *queue);

/* Whoever may submit later than at once holds the queue until its last job is back. Any thread. */
void batcher_hold(struct batch_queue *queue);
void batcher_release(struct batch_queue *queue);

/* End the hold that came with batcher_add_model(). What is queued is finished; when nobody holds the queue any
 * more and its last run is over, drained(ctx) is called once, on whichever thread that was the last: it must not
 * block. Then the queue belongs to the caller. Never blocks. */
void batcher_remove_model(struct batch_queue *queue, void (*drained)(void *ctx), void *ctx);
/* Free a drained queue, its sessions and its reference to the model. May take long; NULL-safe. */
void batcher_free_queue(struct batch_queue *queue);

/* Never blocks. false: max_queue jobs wait already, they hold too many bytes, or the batcher stops; done() will not
 * come. */
bool batcher_submit(struct batch_queue *queue, struct batch_job *job);

struct batcher_stats {
	size_t waiting, preparing, running; /* jobs */
	size_t waiting_bytes;
};
void batcher_read_stats(struct batcher *b, struct batcher_stats *out);

struct batch_queue_stats {
	size_t waiting;
	struct pace pace;
};
void batcher_read_queue(struct batch_queue *queue, struct batch_queue_stats *out);

/* After how long a job of this priority (0: the model's) that came now would be done, by what was measured and with
 * some reserve; 0 when a worker is idle, however long it then takes: that is how a wrong estimate is corrected. */
uint64_t batcher_wait_ns(struct batch_queue *queue, unsigned priority);
/* Whole seconds, 1..60, after which a refused job has a fair chance: when what waits now will be done. */
unsigned batcher_retry_after(struct batcher *b);

/* Finish what is queued and join the workers; nothing is accepted any more. NULL-safe. */
void batcher_stop(struct batcher *b);
/* The same, then drop the models and free. NULL-safe. */
void batcher_free(struct batcher *b);

uint64_t batcher_now_ns(void); /* the clock of deadline_ns */

#endif
