/* The batcher with models of this file's own, whose runs take as long as a test wants: removing a model while it is
 * used. */
#include "server/batcher.h"
#include "tests/test.h"

#include <pthread.h>
#include <time.h>

enum { CLASSES = 3, MAX_BATCH = 4 };

struct cnn_model {
	struct cnn_model_info info;
	atomic_int references, sessions, runs;
};

struct cnn_session {
	struct cnn_model *model;
};

static atomic_int hold_runs; /* runs wait while it is 1 */

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

const struct cnn_model_info *cnn_model_info(const struct cnn_model *model)
{
	return &model->info;
}

struct cnn_model *cnn_model_ref(struct cnn_model *model)
{
	model->references++;
	return model;
}

void cnn_model_unref(struct cnn_model *model)
{
	if (model)
		model->references--;
}

enum cnn_status cnn_session_new(struct cnn_model *model, struct cnn_pool *pool,
                                struct cnn_session **out, struct cnn_error *err)
{
	(void)pool;
	*out = calloc(1, sizeof **out);
	if (!*out)
		return cnn_fail_memory(err, "a session", sizeof **out);
	(*out)->model = model;
	model->sessions++;
	return CNN_OK;
}

void cnn_session_free(struct cnn_session *session)
{
	if (!session)
		return;
	session->model->sessions--;
	free(session);
}

enum cnn_status cnn_session_run_items(struct cnn_session *session, const struct cnn_item items[],
                                      size_t n, float *scores, const struct cnn_observer *observer,
                                      struct cnn_error *err)
{
	(void)items;
	(void)observer;
	(void)err;
	for (size_t i = 0; i < n * CLASSES; i++)
		scores[i] = 0.25f;
	session->model->runs++;
	while (atomic_load(&hold_runs))
		nap();
	return CNN_OK;
}

enum cnn_status cnn_scores_check(const struct cnn_model *model, const float *scores,
                                 struct cnn_error *err)
{
	(void)model;
	(void)scores;
	(void)err;
	return CNN_OK;
}

static struct cnn_model make_model(void)
{
	return (struct cnn_model){.info = {.classes = CLASSES, .max_batch = MAX_BATCH}};
}

static struct batcher *make_batcher(void)
{
	struct batcher_options options = {.workers = 2, .max_batch = MAX_BATCH, .max_queue = 1000};
	struct batcher *b = NULL;
	struct cnn_error err;
	CHECK_INT(batcher_new(&options, &b, &err), CNN_OK);
	return b;
}

static struct batch_queue *add(struct batcher *b, struct cnn_model *model)
{
	struct batch_queue *q = NULL;
	struct cnn_error err;
	CHECK_INT(batcher_add_model(b, model, &q, &err), CNN_OK);
	return q;
}

struct counted_job {
	struct batch_job job;
	float scores[CLASSES];
};

static atomic_int jobs_done;

static void on_done(struct batch_job *job)
{
	CHECK_INT(job->outcome, BATCH_DONE);
	jobs_done++;
}

static bool submit(struct batch_queue *q, struct counted_job *j)
{
	*j = (struct counted_job){.job = {.scores = j->scores, .done = on_done}};
	return batcher_submit(q, &j->job);
}

static void on_drained(void *ctx)
{
	atomic_int *drained = ctx;
	(*drained)++;
}

static void wait_for(atomic_int *counter, int value)
{
	for (int i = 0; i < 100000 && atomic_load(counter) < value; i++)
		nap();
	CHECK_INT(atomic_load(counter), value);
}

static void an_unused_model_goes_at_once(void)
{
	struct cnn_model model = make_model();
	struct batcher *b = make_batcher();
	struct batch_queue *q = add(b, &model);
	struct cnn_session *const *session;
	CHECK_INT(batcher_sessions(q, &session), 2);
	CHECK_INT(batcher_max_batch(q), MAX_BATCH);
	CHECK_INT(model.sessions, 2);
	atomic_int drained = 0;
	batcher_remove_model(q, on_drained, &drained);
	CHECK_INT(drained, 1);
	batcher_free_queue(q);
	CHECK_INT(model.sessions, 0);
	CHECK_INT(model.references, 0);
	batcher_free_queue(NULL);
	batcher_free(b);
}

static void what_is_queued_is_finished_first(void)
{
	struct cnn_model model = make_model(), other = make_model();
	struct batcher *b = make_batcher();
	struct batch_queue *q = add(b, &model), *p = add(b, &other);
	struct counted_job job[20];
	atomic_int drained = 0;
	atomic_store(&hold_runs, 1);
	jobs_done = 0;
	for (size_t i = 0; i < 20; i++)
		CHECK(submit(q, &job[i]));
	wait_for(&model.runs, 2);
	batcher_remove_model(q, on_drained, &drained);
	CHECK_INT(drained, 0);
	atomic_store(&hold_runs, 0);
	wait_for(&drained, 1);
	CHECK_INT(jobs_done, 20);
	CHECK_INT(model.sessions, 2);
	batcher_free_queue(q);
	CHECK_INT(model.sessions + model.references, 0);
	/* the other one is not disturbed */
	struct counted_job last;
	CHECK(submit(p, &last));
	wait_for(&jobs_done, 21);
	batcher_free(b);
	CHECK_INT(other.sessions + other.references, 0);
}

static void whoever_holds_a_queue_may_still_submit(void)
{
	struct cnn_model model = make_model();
	struct batcher *b = make_batcher();
	struct batch_queue *q = add(b, &model);
	atomic_int drained = 0;
	jobs_done = 0;
	batcher_hold(q);
	batcher_remove_model(q, on_drained, &drained);
	struct counted_job job;
	CHECK(submit(q, &job));
	wait_for(&jobs_done, 1);
	CHECK_INT(drained, 0);
	batcher_release(q);
	wait_for(&drained, 1);
	batcher_free_queue(q);
	batcher_free(b);
}

static void stopping_finishes_and_refuses(void)
{
	struct cnn_model model = make_model();
	struct batcher *b = make_batcher();
	struct batch_queue *q = add(b, &model);
	struct counted_job job[2];
	atomic_int drained = 0;
	jobs_done = 0;
	batcher_hold(q);
	CHECK(submit(q, &job[0]));
	batcher_stop(b);
	CHECK_INT(jobs_done, 1);
	CHECK(!submit(q, &job[1]));
	batcher_remove_model(q, on_drained, &drained);
	batcher_release(q);
	CHECK_INT(drained, 1);
	batcher_free_queue(q);
	batcher_stop(b);
	batcher_stop(NULL);
	batcher_free(b);
}

/* --- under load ------------------------------------------------------------------------------- */

enum { SENDERS = 3, SENT = 400, REPLACEMENTS = 50 };

/* What the loop does in the server: who sends takes a hold of the queue that serves at the moment. */
struct served {
	pthread_mutex_t lock;
	struct batch_queue *queue;
	atomic_int refused;
};

struct held_job {
	struct counted_job counted;
	struct batch_queue *queue;
	atomic_bool back;
};

static void on_held_done(struct batch_job *job)
{
	atomic_store(&((struct held_job *)job)->back, true);
}

static void *send(void *arg)
{
	struct served *s = arg;
	for (int i = 0; i < SENT; i++) {
		struct held_job j = {.counted.job.done = on_held_done};
		j.counted.job.scores = j.counted.scores;
		pthread_mutex_lock(&s->lock);
		j.queue = s->queue;
		batcher_hold(j.queue);
		pthread_mutex_unlock(&s->lock);
		if (!batcher_submit(j.queue, &j.counted.job))
			s->refused++;
		else
			while (!atomic_load(&j.back))
				nap();
		batcher_release(j.queue);
	}
	return NULL;
}

struct removal {
	struct batch_queue *queue;
	atomic_int drained;
};

static void models_are_replaced_under_load(void)
{
	static struct cnn_model model[REPLACEMENTS + 1];
	static struct removal removal[REPLACEMENTS];
	struct batcher *b = make_batcher();
	struct served s = {.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t sender[SENDERS];
	model[0] = make_model();
	s.queue = add(b, &model[0]);
	for (size_t i = 0; i < SENDERS; i++)
		CHECK_INT(pthread_create(&sender[i], NULL, send, &s), 0);
	for (size_t i = 0; i < REPLACEMENTS; i++) {
		model[i + 1] = make_model();
		struct batch_queue *next = add(b, &model[i + 1]);
		pthread_mutex_lock(&s.lock);
		removal[i].queue = s.queue;
		s.queue = next;
		pthread_mutex_unlock(&s.lock);
		batcher_remove_model(removal[i].queue, on_drained, &removal[i].drained);
		for (int k = 0; k < 5; k++)
			nap();
	}
	for (size_t i = 0; i < REPLACEMENTS; i++) {
		wait_for(&removal[i].drained, 1);
		batcher_free_queue(removal[i].queue);
		CHECK_INT(model[i].sessions + model[i].references, 0);
	}
	for (size_t i = 0; i < SENDERS; i++)
		pthread_join(sender[i], NULL);
	CHECK_INT(s.refused, 0);
	batcher_free(b);
	CHECK_INT(model[REPLACEMENTS].sessions, 0);
}

TEST_MAIN({"an_unused_model_goes_at_once", an_unused_model_goes_at_once},
          {"what_is_queued_is_finished_first", what_is_queued_is_finished_first},
          {"whoever_holds_a_queue_may_still_submit", whoever_holds_a_queue_may_still_submit},
          {"stopping_finishes_and_refuses", stopping_finishes_and_refuses},
          {"models_are_replaced_under_load", models_are_replaced_under_load})
