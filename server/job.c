#include "server/job.h"
#include "server/admission.h"
#include "server/connection.h"
#include "server/error_code.h"
#include "server/http.h"
#include "server/prediction.h"
#include "server/recorder.h"
#include "server/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 65535 }; /* what JPEG can say; a longer PNG is over any useful limit */

static void free_body(struct prediction *p)
{
	free(p->body);
	p->server->body_bytes -= p->body_capacity;
	p->body = NULL;
	p->body_capacity = 0;
}

static void prediction_free(struct prediction *p)
{
	struct server *s = p->server;
	s->predictions--;
	for (size_t i = 0; i < p->n; i++)
		image_clear(&p->job[i].pixels);
	free_body(p);
	/* The queue refers to the model too: freeing it, which takes long, is left to whoever ends the queue. */
	cnn_model_unref(p->model);
	batcher_release(p->queue);
	free(p->name);
	free(p->scores);
	free(p);
}

/* The request no longer waits: its reply is set, send it. */
static void reply_and_detach(struct prediction *p)
{
	struct request *r = p->request;
	prediction_set_reply(p);
	p->request = NULL;
	r->prediction = NULL;
	request_done(r);
}

static void set_error(struct job *j, const char *code, unsigned status, const char *text)
{
	j->code = code;
	j->http_status = status;
	snprintf(j->error.text, sizeof j->error.text, "%s", text);
}

/* The job is back on the loop for good. */
static void finish(struct job *j, enum metric_outcome outcome)
{
	struct prediction *p = j->owner;
	p->server->metrics.pictures[outcome]++;
	j->finished = true;
	image_clear(&j->pixels);
	if (--p->unfinished > 0)
		return;
	if (p->request)
		reply_and_detach(p);
	prediction_free(p);
}

/* The engine refused it: batch.error says why. */
static void fail(struct job *j, enum cnn_status status)
{
	const struct prediction *p = j->owner;
	const struct error_code *code = error_code(status);
	if (code->http_status >= 500)
		log_line(p->server->log, LOG_ERROR, "model '%s', request %s: %s", p->name,
		         p->request ? p->request->id : "(ended)", j->batch.error.text);
	set_error(j, code->code, code->http_status, j->batch.error.text);
	finish(j, code->http_status < 500 ? OUTCOME_REFUSED : OUTCOME_FAILED);
}

static void set_end(struct job *j, enum prediction_end why)
{
	switch (why) {
	case PREDICTION_EXPIRED:
		set_error(j, "deadline_exceeded", 504, "no answer within the time for it");
		break;
	case PREDICTION_LEFT:
		set_error(j, "client_closed", 499, "the client closed before the answer");
		break;
	case PREDICTION_DRAINING:
		set_error(j, "draining", 503, "the server ended before the answer was ready");
		break;
	}
}

void prediction_give_up(struct prediction *p, enum prediction_end why)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->job[i].finished)
			continue;
		/* The worker still owns the rest of the job: only what it does not touch is set here. */
		atomic_store(&p->job[i].batch.abandoned, true);
		set_end(&p->job[i], why);
	}
	p->given_up = why == PREDICTION_EXPIRED ? OUTCOME_EXPIRED : OUTCOME_ABANDONED;
	reply_and_detach(p);
}

bool prediction_is_late(const struct prediction *p)
{
	return batcher_now_ns() >= p->deadline_ns;
}

/* On a worker, just before the run. */
static enum cnn_status decode(struct batch_job *batch)
{
	struct job *j = (struct job *)batch;
	const struct prediction *p = j->owner;
	const struct config *config = p->server->config;
	struct image_limits limits = {MAX_SIDE, config->max_pixels};
	return image_read(j->bytes, j->len, &limits, config->jpeg_scaling == 0,
	                  &cnn_model_info(p->model)->preprocess.fit, &j->pixels, &j->header,
	                  &batch->error);
}

/* On a worker: only hand it over. */
static void on_batch_done(struct batch_job *batch)
{
	struct job *j = (struct job *)batch;
	struct server *s = j->owner->server;
	pthread_mutex_lock(&s->done_lock);
	j->next_done = s->done;
	s->done = j;
	pthread_mutex_unlock(&s->done_lock);
	uv_async_send(&s->wake);
}

static void take_batch_result(struct job *j)
{
	struct metrics *m = &j->owner->server->metrics;
	const struct request *r = j->owner->request;
	recorder_picture(j->owner->server->recorder, &j->batch, r ? r->id : NULL, j->owner->name,
	                 j->owner->n == 1);
	if (j->batch.prepared_ns)
		metrics_seconds(&m->decode_seconds, job_timing(j).decode_ms * 1e-3);
	switch (j->batch.outcome) {
	case BATCH_DONE: {
		struct prediction_timing t = job_timing(j);
		struct model_metrics *of = metrics_model(m, j->owner->name);
		metrics_seconds(&of->queue_seconds, t.queue_ms * 1e-3);
		metrics_seconds(&of->inference_seconds, t.inference_ms * 1e-3);
		metrics_pictures(&of->batch, j->batch.batch);
		finish(j, OUTCOME_OK);
		return;
	}
	case BATCH_EXPIRED:
		set_end(j, PREDICTION_EXPIRED);
		finish(j, OUTCOME_EXPIRED);
		return;
	case BATCH_ABANDONED:
		finish(j, j->owner->given_up);
		return;
	case BATCH_FAILED:
		break;
	}
	fail(j, j->batch.error.code);
}

void jobs_take_done(struct server *server)
{
	pthread_mutex_lock(&server->done_lock);
	struct job *j = server->done;
	server->done = NULL;
	pthread_mutex_unlock(&server->done_lock);
	for (struct job *next; j; j = next) {
		next = j->next_done;
		take_batch_result(j);
	}
}

static struct prediction *prediction_new(struct request *r, const struct registry_model *model,
                                         size_t n)
{
	struct server *s = r->server;
	size_t classes = cnn_model_info(model->model)->classes;
	struct prediction *p = calloc(1, sizeof *p + n * sizeof p->job[0]);
	if (!p)
		return NULL;
	if (classes <= SIZE_MAX / sizeof(float) / n)
		p->scores = malloc(n * classes * sizeof(float));
	p->name = strdup(model->name);
	if (!p->scores || !p->name) {
		free(p->scores);
		free(p->name);
		free(p);
		return NULL;
	}
	p->server = s;
	p->model = cnn_model_ref(model->model);
	p->queue = model->queue;
	batcher_hold(p->queue);
	p->n = p->unfinished = n;
	for (size_t i = 0; i < n; i++) {
		p->job[i].owner = p;
		p->job[i].batch.scores = p->scores + i * classes;
		p->job[i].batch.pixels = &p->job[i].pixels;
		p->job[i].batch.prepare = decode;
		p->job[i].batch.done = on_batch_done;
	}
	s->predictions++;
	return p;
}

/* Hand over what fits. Returns how many: the first ones. */
static size_t submit(struct prediction *p, const struct picture_bytes picture[])
{
	size_t started = 0;
	for (; started < p->n; started++) {
		struct job *j = &p->job[started];
		j->bytes = picture[started].bytes;
		j->len = j->batch.bytes = picture[started].len;
		j->batch.deadline_ns = p->deadline_ns;
		j->batch.priority = p->request->priority;
		if (!batcher_submit(p->queue, &j->batch))
			break;
	}
	return started;
}

void prediction_start(struct request *r, const struct registry_model *model, size_t top,
                      const struct picture_bytes picture[], size_t n, bool listed)
{
	struct server *s = r->server;
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++)
		bytes += picture[i].len;
	if (!admission_check(r, model, n, bytes))
		return;
	struct prediction *p = prediction_new(r, model, n);
	if (!p) {
		s->metrics.rejected[REJECT_NO_MEMORY]++;
		reply_error(&r->reply, 503, "out_of_memory", "out of memory for %zu pictures", n);
		return;
	}
	size_t body_len;
	p->body = request_take_body(r, &body_len, &p->body_capacity);
	p->request = r;
	p->top = top;
	p->listed = listed;
	p->started_ns = batcher_now_ns();
	p->deadline_ns = admission_deadline(r, p->started_ns);
	size_t started = submit(p, picture);
	if (started == 0) {
		/* There was room when it was checked, and only this thread fills it. */
		admission_refuse(r, REJECT_QUEUE_FULL, n, batcher_retry_after(s->batcher));
		prediction_free(p);
		return;
	}
	/* At least one comes back later, and with the last one the reply. */
	r->prediction = p;
	http_look_at(s->http, p->deadline_ns);
	for (size_t i = started; i < n; i++) {
		s->metrics.rejected[REJECT_QUEUE_FULL]++;
		set_error(&p->job[i], "overloaded", 503, "the queue is full");
		finish(&p->job[i], OUTCOME_OVERLOADED);
	}
}
