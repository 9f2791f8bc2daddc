#include "server/batch_run.h"

#include <string.h>

bool batch_is_useless(struct batch_job *job, uint64_t now_ns)
{
	if (atomic_load(&job->abandoned))
		job->outcome = BATCH_ABANDONED;
	else if (job->deadline_ns && now_ns > job->deadline_ns)
		job->outcome = BATCH_EXPIRED;
	else
		return false;
	return true;
}

void batch_end_useless(struct batch_job *first)
{
	for (struct batch_job *job = first, *next; job; job = next) {
		next = job->next; /* done() gives the job away */
		job->done(job);
	}
}

static void finish(struct batch_job *job, enum batch_outcome outcome)
{
	job->outcome = outcome;
	job->finished_ns = batcher_now_ns();
	job->done(job);
}

/* False: the job is ended. */
static bool prepare(struct batch_job *job, uint32_t worker)
{
	job->worker = worker;
	job->prepare_ns = batcher_now_ns();
	if (batch_is_useless(job, job->prepare_ns)) {
		job->done(job);
		return false;
	}
	enum cnn_status status = job->prepare ? job->prepare(job) : CNN_OK;
	job->prepared_ns = batcher_now_ns();
	if (status != CNN_OK)
		finish(job, BATCH_FAILED);
	return status == CNN_OK;
}

static void prepare_all(struct batch_run *run)
{
	uint64_t begin = batcher_now_ns();
	size_t kept = 0;
	cnn_pool_begin(run->pool);
	atomic_fetch_add(run->preparing, run->n);
	for (size_t i = 0; i < run->n; i++) {
		if (prepare(run->job[i], run->worker))
			run->job[kept++] = run->job[i];
	}
	atomic_fetch_sub(run->preparing, run->n);
	cnn_pool_end(run->pool);
	run->n = kept;
	run->prepare_ns = batcher_now_ns() - begin;
}

/* Preparing takes time: some may have left meanwhile. */
static void drop_useless(struct batch_run *run)
{
	uint64_t now = batcher_now_ns();
	size_t kept = 0;
	for (size_t i = 0; i < run->n; i++) {
		struct batch_job *job = run->job[i];
		if (batch_is_useless(job, now))
			job->done(job);
		else
			run->job[kept++] = job;
	}
	run->n = kept;
}

static void run_together(struct batch_run *run)
{
	uint64_t started = batcher_now_ns();
	struct cnn_error err = {0};
	for (size_t i = 0; i < run->n; i++) {
		struct batch_job *job = run->job[i];
		run->item[i] = (struct cnn_item){
			.picture = job->pixels, .tensor = job->tensor, .raw = job->raw};
		job->batch = (uint32_t)run->n;
		job->started_ns = started;
		job->first_of_batch = i == 0;
	}
	enum cnn_status together =
		cnn_session_run_items(run->session, run->item, run->n, run->scores, NULL, &err);
	run->run_ns = batcher_now_ns() - started;
	for (size_t i = 0; i < run->n; i++) {
		struct batch_job *job = run->job[i];
		float *own = run->scores + i * run->classes;
		enum cnn_status status = together;
		/* the picture that a network fails on leaves its neighbours alone */
		if (together && run->n > 1)
			status = cnn_session_run_items(run->session, &run->item[i], 1, own, NULL,
			                               &job->error);
		else if (together)
			job->error = err;
		if (!status && !job->raw)
			status = cnn_scores_check(run->model, own, &job->error);
		if (status) {
			finish(job, BATCH_FAILED);
			continue;
		}
		memcpy(job->scores, own, run->classes * sizeof *own);
		finish(job, BATCH_DONE);
	}
}

void batch_run(struct batch_run *run)
{
	if (run->n)
		prepare_all(run);
	drop_useless(run);
	if (run->n)
		run_together(run);
}
