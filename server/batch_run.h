/* batch_run.h - one batch on one worker: prepare its jobs, run them together, end each. Takes no lock. */
#ifndef SERVER_BATCH_RUN_H
#define SERVER_BATCH_RUN_H
#include "server/batcher.h"

struct batch_run {
	struct cnn_session *session;
	const struct cnn_model *model;
	struct cnn_pool *pool; /* is told that this thread is busy while it prepares */
	size_t classes;
	float *scores;          /* [n][classes] */
	struct cnn_item *item;  /* [n] */
	struct batch_job **job; /* those that are left move to the front */
	size_t n;               /* afterwards: how many ran together */
	uint32_t worker;
	atomic_size_t *preparing;
	uint64_t prepare_ns, run_ns; /* what it took; set by batch_run() */
};

/* Ends every job. */
void batch_run(struct batch_run *run);

/* Nobody waits for it, or not beyond `now_ns`: sets its outcome. */
bool batch_is_useless(struct batch_job *job, uint64_t now_ns);
/* Ends a list of such jobs. */
void batch_end_useless(struct batch_job *first);

#endif
