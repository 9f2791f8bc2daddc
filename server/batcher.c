#include "server/batcher.h"
#include "server/batch_run.h"

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
	uint64_t max_delay_ns;
	unsigned priority; /* of jobs that have none */
	double weight;
	struct batch_line line;
	struct pace pace;
	double prepare_ns; /* of one job, smoothed */
	double spent; /* time of workers, by its weight: the queue that had the least is next */
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
	uint64_t free_ns;       /* since when it could have worked */
};

struct batcher {
	struct batcher_options options;
	pthread_mutex_t lock;
	pthread_cond_t work; /* a job came, or stop */
	/* With fewer batches than workers, idle cores take a share of those that run. */
	struct cnn_pool *pool;
	struct batch_queue *queues;
	size_t waiting, running, idle; /* jobs, jobs, workers */
	size_t waiting_bytes;
	atomic_size_t preparing; /* jobs, of those that run */
	bool stop;
	bool joined;  /* the workers; only batcher_stop() looks */
	double clock; /* what the queue that was last served had spent */
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

/* The whole time of a worker that one job takes. */
static double job_ns(const struct batch_queue *q)
{
	return q->prepare_ns + pace_ns(&q->pace, pace_best(&q->pace));
}

/* Times vary: who is let in should be in time mostly, not every other time. */
#define UNSURE 1.25

/* How many a worker takes: its part, when others stand idle beside it, and no more than pays. */
static size_t fair_part(const struct batcher *b, struct batch_queue *q)
{
	size_t workers = b->idle + 1;
	size_t part = (q->line.n + workers - 1) / workers;
	/* Who makes pictures wait for company wants them to run together. */
	size_t most = q->max_delay_ns ? q->max_batch : pace_next(&q->pace, q->line.n);
	return part < most ? part : most;
}

static struct batch_job *take_first(struct batch_queue *q)
{
	struct batch_job *job = line_pop(&q->line);
	q->batcher->waiting--;
	q->batcher->waiting_bytes -= job->bytes;
	return job;
}

/* When the queue's next batch may run: at once, or when its first job has waited long enough for company. */
static uint64_t due_ns(const struct batcher *b, const struct batch_queue *q)
{
	if (q->max_delay_ns == 0 || b->stop || q->line.n >= q->max_batch)
		return 0;
	return line_oldest(&q->line)->queued_ns + q->max_delay_ns;
}

/* Of the queues whose batch is due the one with the least time spent; NULL and *until when none is due yet,
 * UINT64_MAX when nothing waits. */
static struct batch_queue *next_queue(const struct batcher *b, uint64_t now, uint64_t *until)
{
	struct batch_queue *next = NULL;
	*until = UINT64_MAX;
	for (struct batch_queue *q = b->queues; q; q = q->next) {
		if (!q->line.n)
			continue;
		uint64_t due = due_ns(b, q);
		if (due > now)
			*until = due < *until ? due : *until;
		else if (!next || q->spent < next->spent)
			next = q;
	}
	return next;
}

/* Sleep until there is a batch; NULL when the batcher stops and nothing is left. */
static struct batch_queue *wait_for_batch(struct worker *w)
{
	struct batcher *b = w->batcher;
	for (;;) {
		uint64_t until;
		struct batch_queue *q = next_queue(b, batcher_now_ns(), &until);
		if (q)
			return q;
		if (until != UINT64_MAX) {
			struct timespec at = {(time_t)(until / 1000000000u),
			                      (long)(until % 1000000000u)};
			pthread_cond_timedwait(&b->work, &b->lock, &at);
		} else if (b->stop) {
			return NULL;
		} else {
			b->idle++;
			pthread_cond_wait(&b->work, &b->lock);
			b->idle--;
		}
		w->free_ns = batcher_now_ns();
	}
}

/* Fill the worker's batch; those that need no computing go to *useless instead. While others wait, a job that
 * would be late anyway needs none either. */
static size_t take_batch(struct worker *w, struct batch_queue *q, struct batch_job **useless)
{
	struct batcher *b = w->batcher;
	size_t wanted = fair_part(b, q), n = 0;
	uint64_t needed = (uint64_t)((double)wanted * job_ns(q)), now = batcher_now_ns();
	while (n < wanted && q->line.n) {
		struct batch_job *job = take_first(q);
		if (batch_is_useless(job, b->waiting > wanted ? now + needed : now)) {
			job->next = *useless;
			*useless = job;
		} else {
			w->job[n++] = job;
		}
	}
	b->clock = q->spent;
	/* Until the time is known, so that another worker does not take the same queue again. */
	q->spent += (double)n * job_ns(q) / q->weight;
	b->running += n;
	q->runs++;
	return n;
}

/* Take a queue that nobody uses any more out of the list. True: its drained() must be called, without the lock. */
static bool leave_when_drained(struct batcher *b, struct batch_queue *q)
{
	if (q->holds || q->line.n || q->runs)
		return false;
	struct batch_queue **at = &b->queues;
	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	return true;
}

/* What the batch took, for the next decisions. `crowded`: all workers were busy when it began. */
static void account(struct worker *w, struct batch_queue *q, const struct batch_run *run, size_t n,
                    double charged, bool crowded)
{
	uint64_t now = batcher_now_ns();
	q->spent += ((double)(now - w->free_ns) - charged) / q->weight;
	if (n > 0) {
		double each = (double)run->prepare_ns / (double)n;
		q->prepare_ns += q->prepare_ns > 0 ? (each - q->prepare_ns) / 8 : each;
	}
	if (run->n > 0 && crowded && w->batcher->idle == 0)
		pace_add(&q->pace, run->n, run->run_ns);
	w->free_ns = now;
}

static void serve(struct worker *w, struct batch_queue *q)
{
	struct batcher *b = w->batcher;
	struct batch_job *useless = NULL;
	bool crowded = b->idle == 0;
	double each = job_ns(q);
	size_t n = take_batch(w, q, &useless);
	if (b->waiting && b->idle)
		pthread_cond_signal(&b->work);
	pthread_mutex_unlock(&b->lock);

	batch_end_useless(useless);
	struct batch_run run = {
		.session = q->session[w->index],
		.model = q->model,
		.pool = b->pool,
		.classes = q->classes,
		.scores = q->scores[w->index],
		.item = w->item,
		.job = w->job,
		.n = n,
		.worker = (uint32_t)w->index,
		.preparing = &b->preparing,
	};
	batch_run(&run);

	pthread_mutex_lock(&b->lock);
	b->running -= n;
	q->runs--;
	account(w, q, &run, n, (double)n * each, crowded);
	if (leave_when_drained(b, q)) {
		pthread_mutex_unlock(&b->lock);
		q->drained(q->drained_ctx);
		pthread_mutex_lock(&b->lock);
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct batcher *b = w->batcher;
	struct batch_queue *q;
	pthread_mutex_lock(&b->lock);
	w->free_ns = batcher_now_ns();
	while ((q = wait_for_batch(w)) != NULL)
		serve(w, q);
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

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What the options say and, where it says more, the model. */
static void describe_queue(struct batch_queue *q, const struct cnn_model_info *info)
{
	const struct batcher_options *options = &q->batcher->options;
	const struct cnn_batching *own = &info->batching;
	line_init(&q->line);
	q->max_batch = smaller(info->max_batch, options->max_batch);
	if (own->max_batch > 0)
		q->max_batch = smaller(q->max_batch, (size_t)own->max_batch);
	q->max_delay_ns =
		own->has_max_delay ? (uint64_t)own->max_delay_us * 1000u : options->max_delay_ns;
	q->priority = own->priority ? (unsigned)own->priority : BATCH_USUAL_PRIORITY;
	q->weight = own->weight > 0 ? own->weight : 1;
	pace_init(&q->pace, q->max_batch);
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
	q->holds = 1;
	describe_queue(q, cnn_model_info(model));
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

static bool has_room(const struct batcher *b, size_t bytes)
{
	size_t max = b->options.max_queue_bytes;
	if (b->stop || b->waiting >= b->options.max_queue)
		return false;
	/* One that is larger than all room is no reason to refuse it for ever. */
	return max == 0 || b->waiting_bytes == 0 ||
	       (bytes <= max && b->waiting_bytes <= max - bytes);
}

bool batcher_submit(struct batch_queue *queue, struct batch_job *job)
{
	struct batcher *b = queue->batcher;
	pthread_mutex_lock(&b->lock);
	bool accepted = has_room(b, job->bytes);
	if (accepted) {
		if (job->priority < BATCH_FIRST_PRIORITY || job->priority > BATCH_LAST_PRIORITY)
			job->priority = queue->priority;
		job->queued_ns = batcher_now_ns();
		/* A queue that was empty has no claim on the time that it did not use. */
		if (queue->line.n == 0 && queue->spent < b->clock)
			queue->spent = b->clock;
		line_push(&queue->line, job);
		b->waiting++;
		b->waiting_bytes += job->bytes;
		pthread_cond_signal(&b->work);
	}
	pthread_mutex_unlock(&b->lock);
	return accepted;
}

void batcher_read_stats(struct batcher *b, struct batcher_stats *out)
{
	pthread_mutex_lock(&b->lock);
	*out = (struct batcher_stats){b->waiting, atomic_load(&b->preparing), b->running,
	                              b->waiting_bytes};
	pthread_mutex_unlock(&b->lock);
}

void batcher_read_queue(struct batch_queue *queue, struct batch_queue_stats *out)
{
	pthread_mutex_lock(&queue->batcher->lock);
	*out = (struct batch_queue_stats){queue->line.n, queue->pace};
	pthread_mutex_unlock(&queue->batcher->lock);
}

/* Until all that waits is done; *weights: of the queues that it waits in. With the lock held. */
static double backlog_ns(const struct batcher *b, double *weights)
{
	double ns = 0;
	*weights = 0;
	for (const struct batch_queue *q = b->queues; q; q = q->next) {
		if (!q->line.n)
			continue;
		ns += (double)q->line.n * job_ns(q);
		*weights += q->weight;
	}
	return ns / (double)b->n_workers;
}

uint64_t batcher_wait_ns(struct batch_queue *queue, unsigned priority)
{
	struct batcher *b = queue->batcher;
	pthread_mutex_lock(&b->lock);
	double weights, all = backlog_ns(b, &weights), each = job_ns(queue);
	bool at_once = b->idle > 0 && b->waiting == 0;
	size_t before = line_before(&queue->line, priority ? priority : queue->priority);
	if (queue->line.n == 0)
		weights += queue->weight;
	/* It takes turns with the other queues, but they may end before it does. */
	double own = (double)before * each * weights / queue->weight / (double)b->n_workers;
	double running = (double)b->running * each / (double)b->n_workers / 2;
	pthread_mutex_unlock(&b->lock);
	double ns = (own < all ? own : all) + running;
	return at_once ? 0 : (uint64_t)(ns * UNSURE + each);
}

unsigned batcher_retry_after(struct batcher *b)
{
	pthread_mutex_lock(&b->lock);
	double weights, ns = backlog_ns(b, &weights);
	pthread_mutex_unlock(&b->lock);
	return ns < 1e9 ? 1 : ns > 60e9 ? 60 : (unsigned)(ns * 1e-9 + 0.999);
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
