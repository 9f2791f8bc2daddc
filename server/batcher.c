#include "server/batcher.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct batch_queue {
	struct batcher *batcher;
	struct cnn_model *model;
	size_t classes;
	struct cnn_session **session; /* one for each worker */
	float **scores;               /* likewise: [max_batch][classes] */
	size_t max_batch;
	struct batch_job *head, **tail;
	size_t waiting;
	size_t holds; /* of those who may still submit; 0: removed */
	size_t runs;  /* batches of it that workers have taken */
	void (*drained)(void *ctx);
	void *drained_ctx;
	struct batch_queue *next;
};

struct worker {
	struct batcher *batcher;
	pthread_t thread;
	size_t index;
	struct batch_job **job; /* [max_batch], the present batch */
	struct cnn_item *item;  /* [max_batch] */
};

struct batcher {
	struct batcher_options options;
	pthread_mutex_t lock;
	pthread_cond_t work; /* a job came, or stop */
	/* With fewer batches than workers, idle cores take a share of those that run. */
	struct cnn_pool *pool;
	struct batch_queue *queues;
	size_t waiting, running, idle; /* jobs, jobs, workers */
	bool stop;
	bool joined; /* the workers; only batcher_stop() looks */
	double rate; /* jobs a second, smoothed */
	uint64_t rate_since_ns, rate_jobs;
	size_t n_workers;
	struct worker worker[];
};

uint64_t batcher_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- forming a batch; all with the lock held -------------------------------------------- */

static struct batch_queue *oldest_queue(const struct batcher *b)
{
	struct batch_queue *oldest = NULL;
	for (struct batch_queue *q = b->queues; q; q = q->next)
		if (q->head && (!oldest || q->head->queued_ns < oldest->head->queued_ns))
			oldest = q;
	return oldest;
}

/* How many a worker takes: its part, when others stand idle beside it. */
static size_t fair_part(const struct batcher *b, const struct batch_queue *q)
{
	size_t workers = b->idle + 1;
	size_t part = (q->waiting + workers - 1) / workers;
	return part < q->max_batch ? part : q->max_batch;
}

static struct batch_job *take_first(struct batch_queue *q)
{
	struct batch_job *job = q->head;
	q->head = job->next;
	if (!q->head)
		q->tail = &q->head;
	q->waiting--;
	q->batcher->waiting--;
	return job;
}

/* Wait until the queue's first job has waited long enough or a full batch is there. False when the
 * situation has changed and must be looked at again. */
static bool ready_to_run(struct batcher *b, const struct batch_queue *q)
{
	if (b->options.max_delay_ns == 0 || b->stop || q->waiting >= q->max_batch)
		return true;
	uint64_t due = q->head->queued_ns + b->options.max_delay_ns;
	if (batcher_now_ns() >= due)
		return true;
	struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
	pthread_cond_timedwait(&b->work, &b->lock, &until);
	return false;
}

/* Sleep until there is a batch; NULL when the batcher stops and nothing is left. */
static struct batch_queue *wait_for_batch(struct batcher *b)
{
	for (;;) {
		struct batch_queue *q = oldest_queue(b);
		if (q && ready_to_run(b, q))
			return q;
		if (q)
			continue;
		if (b->stop)
			return NULL;
		b->idle++;
		pthread_cond_wait(&b->work, &b->lock);
		b->idle--;
	}
}

/* Take a queue that nobody uses any more out of the list. True: its drained() must be called, without the lock. */
static bool leave_when_drained(struct batcher *b, struct batch_queue *q)
{
	if (q->holds || q->waiting || q->runs)
		return false;
	struct batch_queue **at = &b->queues;
	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	return true;
}

/* --- running one; without the lock --------------------------------------------------------- */

static void finish(struct batch_job *job, enum batch_outcome outcome, uint32_t batch,
                   uint64_t started)
{
	job->outcome = outcome;
	job->batch = batch;
	job->started_ns = started;
	job->finished_ns = batcher_now_ns();
	job->done(job);
}

/* Answer those that need no computing; the others move to the front. Returns how many. */
static size_t drop_useless(struct worker *w, size_t n)
{
	uint64_t now = batcher_now_ns();
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		struct batch_job *job = w->job[i];
		if (atomic_load(&job->abandoned))
			finish(job, BATCH_ABANDONED, 0, now);
		else if (job->deadline_ns && now > job->deadline_ns)
			finish(job, BATCH_EXPIRED, 0, now);
		else
			w->job[kept++] = job;
	}
	return kept;
}

static void run_batch(struct worker *w, const struct batch_queue *q, size_t n)
{
	uint64_t started = batcher_now_ns();
	struct cnn_error err = {0};
	for (size_t i = 0; i < n; i++)
		w->item[i] = (struct cnn_item){
			.picture = w->job[i]->pixels,
			.tensor = w->job[i]->tensor,
			.raw = w->job[i]->raw,
		};
	float *scores = q->scores[w->index];
	struct cnn_session *session = q->session[w->index];
	enum cnn_status together = cnn_session_run_items(session, w->item, n, scores, NULL, &err);
	for (size_t i = 0; i < n; i++) {
		struct batch_job *job = w->job[i];
		float *own = scores + i * q->classes;
		enum cnn_status status = together;
		/* the picture that a network fails on leaves its neighbours alone */
		if (together && n > 1)
			status = cnn_session_run_items(session, &w->item[i], 1, own, NULL,
			                               &job->error);
		else if (together)
			job->error = err;
		if (!status && !job->raw)
			status = cnn_scores_check(q->model, own, &job->error);
		if (status) {
			finish(job, BATCH_FAILED, (uint32_t)n, started);
			continue;
		}
		memcpy(job->scores, own, q->classes * sizeof *own);
		finish(job, BATCH_DONE, (uint32_t)n, started);
	}
}

/* Jobs a second over stretches of at least a second of work, halfway towards the newest. */
static void measure_rate(struct batcher *b, size_t jobs)
{
	uint64_t now = batcher_now_ns();
	if (b->rate_since_ns == 0 || now - b->rate_since_ns > 10000000000u) {
		b->rate_since_ns = now;
		b->rate_jobs = 0;
	}
	b->rate_jobs += jobs;
	double seconds = (double)(now - b->rate_since_ns) * 1e-9;
	if (seconds < 1)
		return;
	double newest = (double)b->rate_jobs / seconds;
	b->rate = b->rate > 0 ? (b->rate + newest) / 2 : newest;
	b->rate_since_ns = now;
	b->rate_jobs = 0;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct batcher *b = w->batcher;
	struct batch_queue *q;
	pthread_mutex_lock(&b->lock);
	while ((q = wait_for_batch(b)) != NULL) {
		size_t n = fair_part(b, q);
		for (size_t i = 0; i < n; i++)
			w->job[i] = take_first(q);
		b->running += n;
		q->runs++;
		if (b->waiting && b->idle)
			pthread_cond_signal(&b->work);
		pthread_mutex_unlock(&b->lock);

		size_t useful = drop_useless(w, n);
		if (useful)
			run_batch(w, q, useful);

		pthread_mutex_lock(&b->lock);
		b->running -= n;
		q->runs--;
		measure_rate(b, n);
		if (leave_when_drained(b, q)) {
			pthread_mutex_unlock(&b->lock);
			q->drained(q->drained_ctx);
			pthread_mutex_lock(&b->lock);
		}
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* --- outside --------------------------------------------------------------------------- */

static enum cnn_status start_worker(struct batcher *b, size_t index, struct cnn_error *err)
{
	struct worker *w = &b->worker[index];
	*w = (struct worker){.batcher = b, .index = index};
	w->job = calloc(b->options.max_batch, sizeof *w->job);
	w->item = calloc(b->options.max_batch, sizeof *w->item);
	int failed = w->job && w->item ? pthread_create(&w->thread, NULL, worker_main, w) : ENOMEM;
	if (failed) {
		free(w->job);
		free(w->item);
		return cnn_fail(err, CNN_NO_MEMORY, "cannot start worker thread %zu", index);
	}
	b->n_workers++;
	return CNN_OK;
}

enum cnn_status batcher_new(const struct batcher_options *options, struct batcher **out,
                            struct cnn_error *err)
{
	size_t workers = options->workers ? options->workers : 1;
	struct batcher *b = calloc(1, sizeof *b + workers * sizeof b->worker[0]);
	if (!b)
		return cnn_fail_memory(err, "the batcher", sizeof *b);
	b->options = *options;
	b->options.workers = workers;
	if (b->options.max_batch < 1)
		b->options.max_batch = 1;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->work, &attr);
	pthread_condattr_destroy(&attr);
	enum cnn_status status = CNN_OK;
	b->pool = cnn_pool_new(workers);
	if (!b->pool)
		status = cnn_fail(err, CNN_NO_MEMORY, "cannot start %zu threads", workers);
	for (size_t i = 0; i < workers && !status; i++)
		status = start_worker(b, i, err);
	if (status)
		batcher_free(b);
	else
		*out = b;
	return status;
}

static void free_queue(struct batch_queue *q, size_t workers)
{
	for (size_t i = 0; q->session && i < workers; i++)
		cnn_session_free(q->session[i]);
	for (size_t i = 0; q->scores && i < workers; i++)
		free(q->scores[i]);
	free(q->session);
	free(q->scores);
	cnn_model_unref(q->model);
	free(q);
}

enum cnn_status batcher_add_model(struct batcher *b, struct cnn_model *model,
                                  struct batch_queue **out, struct cnn_error *err)
{
	struct batch_queue *q = calloc(1, sizeof *q);
	if (!q)
		return cnn_fail_memory(err, "a queue", sizeof *q);
	q->batcher = b;
	q->model = cnn_model_ref(model);
	q->classes = cnn_model_info(model)->classes;
	q->tail = &q->head;
	q->holds = 1;
	q->max_batch = cnn_model_info(model)->max_batch;
	if (q->max_batch > b->options.max_batch)
		q->max_batch = b->options.max_batch;
	q->session = calloc(b->n_workers, sizeof *q->session);
	q->scores = calloc(b->n_workers, sizeof *q->scores);
	enum cnn_status status = CNN_OK;
	if (!q->session || !q->scores)
		status = cnn_fail_memory(err, "the sessions", b->n_workers * sizeof *q->session);
	for (size_t i = 0; i < b->n_workers && !status; i++) {
		status = cnn_session_new(model, b->pool, &q->session[i], err);
		q->scores[i] = calloc(q->max_batch, q->classes * sizeof *q->scores[i]);
		if (!status && !q->scores[i])
			status = cnn_fail_memory(err, "the scores", q->max_batch * q->classes);
	}
	if (status) {
		free_queue(q, b->n_workers);
		return status;
	}
	*out = q;
	pthread_mutex_lock(&b->lock);
	q->next = b->queues;
	b->queues = q;
	pthread_mutex_unlock(&b->lock);
	return CNN_OK;
}

void batcher_hold(struct batch_queue *queue)
{
	pthread_mutex_lock(&queue->batcher->lock);
	queue->holds++;
	pthread_mutex_unlock(&queue->batcher->lock);
}

void batcher_release(struct batch_queue *queue)
{
	struct batcher *b = queue->batcher;
	pthread_mutex_lock(&b->lock);
	queue->holds--;
	bool drained = leave_when_drained(b, queue);
	pthread_mutex_unlock(&b->lock);
	if (drained)
		queue->drained(queue->drained_ctx);
}

void batcher_remove_model(struct batch_queue *queue, void (*drained)(void *ctx), void *ctx)
{
	/* Read only once the last hold is gone, and this one ends it at the earliest. */
	queue->drained = drained;
	queue->drained_ctx = ctx;
	batcher_release(queue);
}

void batcher_free_queue(struct batch_queue *queue)
{
	if (queue)
		free_queue(queue, queue->batcher->n_workers);
}

size_t batcher_sessions(const struct batch_queue *queue, struct cnn_session *const **out)
{
	*out = queue->session;
	return queue->batcher->n_workers;
}

size_t batcher_max_batch(const struct batch_queue *queue)
{
	return queue->max_batch;
}

bool batcher_submit(struct batch_queue *queue, struct batch_job *job)
{
	struct batcher *b = queue->batcher;
	pthread_mutex_lock(&b->lock);
	bool accepted = !b->stop && b->waiting < b->options.max_queue;
	if (accepted) {
		job->next = NULL;
		job->queued_ns = batcher_now_ns();
		*queue->tail = job;
		queue->tail = &job->next;
		queue->waiting++;
		b->waiting++;
		pthread_cond_signal(&b->work);
	}
	pthread_mutex_unlock(&b->lock);
	return accepted;
}

void batcher_read_stats(struct batcher *b, struct batcher_stats *out)
{
	pthread_mutex_lock(&b->lock);
	*out = (struct batcher_stats){b->waiting, b->running, b->rate};
	pthread_mutex_unlock(&b->lock);
}

unsigned batcher_retry_after(struct batcher *b)
{
	struct batcher_stats stats;
	batcher_read_stats(b, &stats);
	if (stats.jobs_per_second <= 0)
		return 1;
	double seconds = (double)(stats.waiting + stats.running) / stats.jobs_per_second;
	return seconds < 1 ? 1 : seconds > 60 ? 60 : (unsigned)(seconds + 0.999);
}

void batcher_stop(struct batcher *b)
{
	if (!b || b->joined)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_broadcast(&b->work);
	pthread_mutex_unlock(&b->lock);
	for (size_t i = 0; i < b->n_workers; i++)
		pthread_join(b->worker[i].thread, NULL);
	b->joined = true;
}

void batcher_free(struct batcher *b)
{
	if (!b)
		return;
	batcher_stop(b);
	for (size_t i = 0; i < b->n_workers; i++) {
		free(b->worker[i].job);
		free(b->worker[i].item);
	}
	for (struct batch_queue *q = b->queues, *next; q; q = next) {
		next = q->next;
		free_queue(q, b->n_workers);
	}
	cnn_pool_free(b->pool);
	pthread_cond_destroy(&b->work);
	pthread_mutex_destroy(&b->lock);
	free(b);
}
