/* The batcher with models of this file's own, whose runs take the time that a test wants or wait for its word. */
#include "server/batcher.h"
#include "tests/test.h"

#include <pthread.h>
#include <time.h>

struct cnn_model {
	struct cnn_model_info info;
	double first_ms, each_ms,
		pair_ms; /* a run of n pictures takes first + n * each + n² * pair */
};

struct cnn_session {
	struct cnn_model *model;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool gate_closed;
static size_t entered; /* runs that came to the gate */

static void sleep_ms(double ms)
{
	struct timespec t = {(time_t)(ms / 1000), (long)(ms * 1e6) % 1000000000};
	nanosleep(&t, NULL);
}

static void set_gate(bool closed)
{
	pthread_mutex_lock(&lock);
	gate_closed = closed;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static size_t runs_so_far(void)
{
	pthread_mutex_lock(&lock);
	size_t n = entered;
	pthread_mutex_unlock(&lock);
	return n;
}

static void wait_for_runs(size_t n)
{
	pthread_mutex_lock(&lock);
	while (entered < n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

const struct cnn_model_info *cnn_model_info(const struct cnn_model *model)
{
	return &model->info;
}

struct cnn_model *cnn_model_ref(struct cnn_model *model)
{
	return model;
}

void cnn_model_unref(struct cnn_model *model)
{
	(void)model;
}

enum cnn_status cnn_session_new(struct cnn_model *model, struct cnn_pool *pool,
                                struct cnn_session **out, struct cnn_error *err)
{
	(void)pool;
	*out = malloc(sizeof **out);
	if (!*out)
		return cnn_fail_memory(err, "a session", sizeof **out);
	(*out)->model = model;
	return CNN_OK;
}

void cnn_session_free(struct cnn_session *session)
{
	free(session);
}

enum cnn_status cnn_session_run_items(struct cnn_session *session, const struct cnn_item items[],
                                      size_t n, float *scores, const struct cnn_observer *observer,
                                      struct cnn_error *err)
{
	(void)observer;
	pthread_mutex_lock(&lock);
	entered++;
	pthread_cond_broadcast(&changed);
	while (gate_closed)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	const struct cnn_model *m = session->model;
	sleep_ms(m->first_ms + (m->each_ms + m->pair_ms * (double)n) * (double)n);
	enum cnn_status status = CNN_OK;
	for (size_t i = 0; i < n; i++) {
		scores[i] = (float)items[i].picture->width;
		if (items[i].picture->width < 0)
			status = cnn_fail(err, CNN_BAD_ARG, "a picture of width -1");
	}
	return status;
}

enum cnn_status cnn_scores_check(const struct cnn_model *model, const float *scores,
                                 struct cnn_error *err)
{
	(void)model;
	(void)scores;
	(void)err;
	return CNN_OK;
}

/* --- jobs ------------------------------------------------------------------------------- */

enum { JOBS = 400 };

static struct job {
	struct batch_job batch;
	struct image picture;
	float score;
	size_t order; /* in which it ended, from 1; 0: not yet */
	bool prepared;
	enum cnn_status fails;
} job[JOBS];
static size_t ended, preparations;

static void done(struct batch_job *batch)
{
	struct job *j = (struct job *)batch;
	pthread_mutex_lock(&lock);
	CHECK_INT(j->order, 0);
	j->order = ++ended;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static enum cnn_status prepare(struct batch_job *batch)
{
	struct job *j = (struct job *)batch;
	pthread_mutex_lock(&lock);
	j->prepared = true;
	preparations++;
	pthread_mutex_unlock(&lock);
	if (j->fails)
		return cnn_fail(&batch->error, j->fails, "no picture");
	return CNN_OK;
}

static bool submit(struct batch_queue *queue, size_t i)
{
	struct job *j = &job[i];
	j->picture.width = (int32_t)i;
	j->batch.pixels = &j->picture;
	j->batch.scores = &j->score;
	j->batch.prepare = prepare;
	j->batch.done = done;
	return batcher_submit(queue, &j->batch);
}

static void submit_all(struct batch_queue *queue, size_t from, size_t n)
{
	for (size_t i = from; i < from + n; i++)
		CHECK(submit(queue, i));
}

static void wait_for_end(size_t n)
{
	pthread_mutex_lock(&lock);
	while (ended < n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static struct cnn_model model_a = {.info = {.classes = 1, .max_batch = 8}, .each_ms = 1};
static struct cnn_model model_b = {.info = {.classes = 1, .max_batch = 8}, .each_ms = 1};
static struct batcher *batcher;
static struct batch_queue *a, *b;

static void start(size_t workers, size_t max_batch, size_t max_queue, size_t max_bytes)
{
	struct cnn_error err;
	struct batcher_options options = {workers, max_batch, max_queue, max_bytes, 0};
	CHECK_INT(batcher_new(&options, &batcher, &err), CNN_OK);
	CHECK_INT(batcher_add_model(batcher, &model_a, &a, &err), CNN_OK);
	CHECK_INT(batcher_add_model(batcher, &model_b, &b, &err), CNN_OK);
}

/* Occupy the only worker with a job of model a, so that what comes next waits. */
static void occupy(size_t i)
{
	size_t before = runs_so_far();
	set_gate(true);
	CHECK(submit(a, i));
	wait_for_runs(before + 1);
}

/* --- tests ------------------------------------------------------------------------------ */

static void everything_is_answered(void)
{
	start(3, 8, JOBS, 0);
	submit_all(a, 0, 100);
	submit_all(b, 100, 100);
	batcher_free(batcher);
	CHECK_INT(ended, 200);
	for (size_t i = 0; i < 200; i++) {
		CHECK_INT(job[i].batch.outcome, BATCH_DONE);
		CHECK_NEAR(job[i].score, (double)i, 0);
		CHECK(job[i].batch.queued_ns <= job[i].batch.prepare_ns);
		CHECK(job[i].batch.prepare_ns <= job[i].batch.prepared_ns);
		CHECK(job[i].batch.prepared_ns <= job[i].batch.started_ns);
		CHECK(job[i].batch.started_ns <= job[i].batch.finished_ns);
		CHECK(job[i].batch.batch >= 1 && job[i].batch.batch <= 8);
		CHECK(job[i].batch.worker < 3);
	}
}

static void what_cannot_be_prepared_leaves_its_neighbours_alone(void)
{
	start(1, 8, JOBS, 0);
	occupy(0);
	job[3].fails = CNN_BAD_IMAGE;
	submit_all(a, 1, 6);
	set_gate(false);
	wait_for_end(7);
	for (size_t i = 0; i < 7; i++)
		CHECK_INT(job[i].batch.outcome, i == 3 ? BATCH_FAILED : BATCH_DONE);
	CHECK_INT(job[3].batch.error.code, CNN_BAD_IMAGE);
	batcher_free(batcher);
}

static void a_flooded_model_does_not_starve_another(void)
{
	model_a.first_ms = model_b.first_ms = 0;
	start(1, 1, JOBS, 0);
	occupy(0);
	submit_all(a, 1, 100);
	submit_all(b, 101, 10);
	set_gate(false);
	wait_for_end(111);
	/* They take turns: the ten are through when about ten of the others are, not after a hundred. */
	for (size_t i = 101; i < 111; i++)
		CHECK(job[i].order < 60);
	batcher_free(batcher);
}

static void weights_divide_the_time(void)
{
	model_a.info.batching.weight = 3;
	start(1, 1, JOBS, 0);
	occupy(0);
	submit_all(a, 1, 120);
	submit_all(b, 200, 120);
	set_gate(false);
	wait_for_end(121);
	size_t of_a = 0;
	pthread_mutex_lock(&lock); /* the others go on */
	for (size_t i = 1; i <= 120; i++)
		of_a += job[i].order > 0 && job[i].order <= 100;
	pthread_mutex_unlock(&lock);
	/* 75 of 100 by the weights. */
	CHECK(of_a >= 55 && of_a <= 90);
	batcher_free(batcher);
}

static void urgent_jobs_are_first(void)
{
	start(1, 1, JOBS, 0);
	occupy(0);
	for (size_t i = 1; i <= 30; i++)
		job[i].batch.priority = i % 3 == 0 ? 1 : i % 3 == 1 ? 0 : 9;
	submit_all(a, 1, 30);
	CHECK_INT(job[1].batch.priority, BATCH_USUAL_PRIORITY);
	set_gate(false);
	wait_for_end(31);
	for (size_t i = 1; i <= 30; i++) {
		size_t group = i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 2;
		CHECK_INT(job[i].order, 2 + group * 10 + (i - 1) / 3);
	}
	batcher_free(batcher);
}

static void the_late_and_the_abandoned_are_not_prepared(void)
{
	start(1, 4, JOBS, 0);
	occupy(0);
	for (size_t i = 1; i <= 9; i++) {
		if (i % 3 == 1)
			job[i].batch.deadline_ns = batcher_now_ns() + 1000;
		CHECK(submit(a, i));
		if (i % 3 == 2)
			atomic_store(&job[i].batch.abandoned, true);
	}
	sleep_ms(2);
	set_gate(false);
	wait_for_end(10);
	CHECK_INT(preparations, 4);
	for (size_t i = 1; i <= 9; i++) {
		CHECK_INT(job[i].batch.outcome, i % 3 == 1   ? BATCH_EXPIRED
		                                : i % 3 == 2 ? BATCH_ABANDONED
		                                             : BATCH_DONE);
		CHECK_INT(job[i].prepared, i % 3 == 0);
		CHECK_INT(job[i].batch.prepare_ns > 0, i % 3 == 0);
	}
	batcher_free(batcher);
}

/* With more work than time, those that would be late anyway are not begun. */
static void no_time_is_lost_on_what_will_be_late(void)
{
	model_a.each_ms = 5;
	start(1, 1, JOBS, 0);
	submit_all(a, 0, 4); /* so that the time of one is known */
	wait_for_end(4);
	occupy(4);
	for (size_t i = 5; i < 105; i++) {
		job[i].batch.deadline_ns = batcher_now_ns() + 100 * 1000000u;
		CHECK(submit(a, i));
	}
	set_gate(false);
	wait_for_end(105);
	size_t good = 0, late = 0;
	for (size_t i = 5; i < 105; i++) {
		bool is_done = job[i].batch.outcome == BATCH_DONE;
		good += is_done;
		late += is_done && job[i].batch.finished_ns > job[i].batch.deadline_ns;
	}
	CHECK(good >= 5 && good <= 20);
	CHECK(late <= 2);
	batcher_free(batcher);
}

static void the_queue_is_bounded(void)
{
	start(1, 4, 10, 1000);
	occupy(0);
	for (size_t i = 1; i < 8; i++)
		job[i].batch.bytes = 300;
	submit_all(a, 1, 3);
	CHECK(!submit(b, 4));
	job[5].batch.bytes = 100;
	CHECK(submit(b, 5));
	CHECK(!submit(a, 6));
	struct batcher_stats stats;
	batcher_read_stats(batcher, &stats);
	CHECK_INT(stats.waiting_bytes, 1000);
	CHECK_INT(stats.waiting, 4);
	submit_all(a, 10, 6); /* those hold nothing */
	CHECK(!submit(a, 16));
	set_gate(false);
	wait_for_end(11);
	batcher_read_stats(batcher, &stats);
	CHECK_INT(stats.waiting_bytes, 0);
	/* What is larger than all room comes in when nothing else waits. */
	occupy(17);
	job[18].batch.bytes = 5000;
	CHECK(submit(a, 18));
	CHECK(!submit(a, 7));
	set_gate(false);
	wait_for_end(13);
	batcher_free(batcher);
}

static double mean_batch(size_t from, size_t n)
{
	double runs = 0;
	for (size_t i = from; i < from + n; i++)
		runs += 1.0 / job[i].batch.batch;
	return (double)n / runs;
}

static void batches_grow_where_that_pays(void)
{
	model_a.first_ms = 4;
	model_a.each_ms = 0.2;
	start(1, 8, JOBS, 0);
	submit_all(a, 0, 300);
	wait_for_end(300);
	CHECK(mean_batch(100, 200) > 6);
	batcher_free(batcher);
}

static void batches_stay_small_where_they_do_not_pay(void)
{
	model_a.pair_ms = 2;
	start(1, 8, JOBS, 0);
	submit_all(a, 0, 300);
	wait_for_end(300);
	CHECK(mean_batch(100, 200) < 2);
	batcher_free(batcher);
}

static void a_wait_is_foretold(void)
{
	model_a.each_ms = 10;
	start(1, 1, JOBS, 0);
	CHECK_INT(batcher_wait_ns(a, 0), 0);
	submit_all(a, 0, 4);
	wait_for_end(4);
	occupy(4);
	submit_all(a, 5, 20);
	double ms = (double)batcher_wait_ns(a, 0) * 1e-6;
	CHECK(ms > 150 && ms < 600);
	CHECK(batcher_wait_ns(a, 1) < batcher_wait_ns(a, 9) / 4);
	CHECK(batcher_retry_after(batcher) >= 1);
	set_gate(false);
	batcher_free(batcher);
	CHECK_INT(ended, 25);
}

static void company_is_waited_for_as_the_model_says(void)
{
	model_a.info.batching.has_max_delay = true;
	model_a.info.batching.max_delay_us = 300000;
	model_a.info.batching.max_batch = 2;
	start(1, 8, JOBS, 0);
	uint64_t begin = batcher_now_ns();
	CHECK(submit(a, 0));
	CHECK(submit(b, 1));
	wait_for_end(1);
	CHECK_INT(job[1].order, 1);
	CHECK(submit(a, 2)); /* the batch is full */
	wait_for_end(3);
	CHECK(batcher_now_ns() - begin < 250 * 1000000u);
	CHECK(submit(a, 3));
	wait_for_end(4);
	CHECK(job[3].batch.prepare_ns - job[3].batch.queued_ns >= 290 * 1000000u);
	batcher_free(batcher);
}

TEST_MAIN({"everything_is_answered", everything_is_answered},
          {"what_cannot_be_prepared_leaves_its_neighbours_alone",
           what_cannot_be_prepared_leaves_its_neighbours_alone},
          {"a_flooded_model_does_not_starve_another", a_flooded_model_does_not_starve_another},
          {"weights_divide_the_time", weights_divide_the_time},
          {"urgent_jobs_are_first", urgent_jobs_are_first},
          {"the_late_and_the_abandoned_are_not_prepared",
           the_late_and_the_abandoned_are_not_prepared},
          {"no_time_is_lost_on_what_will_be_late", no_time_is_lost_on_what_will_be_late},
          {"the_queue_is_bounded", the_queue_is_bounded},
          {"batches_grow_where_that_pays", batches_grow_where_that_pays},
          {"batches_stay_small_where_they_do_not_pay", batches_stay_small_where_they_do_not_pay},
          {"a_wait_is_foretold", a_wait_is_foretold},
          {"company_is_waited_for_as_the_model_says", company_is_waited_for_as_the_model_says})
