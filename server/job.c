#include "server/job.h"
#include "server/connection.h"
#include "server/error_code.h"
#include "server/http.h"
#include "server/prediction.h"
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
		set_error(j, "deadline", 504, "no answer within --predict-timeout-ms");
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

static void on_decode(uv_work_t *work)
{
	struct job *j = work->data;
	const struct prediction *p = j->owner;
	j->decode_started_ns = batcher_now_ns();
	if (atomic_load(&j->batch.abandoned)) {
		j->decode_status = CNN_BAD_ARG;
	} else {
		const struct config *config = p->server->config;
		struct image_limits limits = {MAX_SIDE, config->max_pixels};
		j->decode_status = image_read(j->bytes, j->len, &limits, config->jpeg_scaling == 0,
		                              &cnn_model_info(p->model)->preprocess.fit, &j->pixels,
		                              &j->header, &j->batch.error);
	}
	j->decode_finished_ns = batcher_now_ns();
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

/* Decoded and fitted: wait for a batch. */
static void submit(struct job *j)
{
	struct prediction *p = j->owner;
	j->batch.pixels = &j->pixels;
	j->batch.deadline_ns = p->deadline_ns;
	j->batch.done = on_batch_done;
	if (batcher_submit(p->queue, &j->batch))
		return;
	p->server->metrics.rejected[REJECT_QUEUE_FULL]++;
	set_error(j, "overloaded", 503, "the queue is full");
	finish(j, OUTCOME_OVERLOADED);
}

static void on_decoded(uv_work_t *work, int status)
{
	(void)status; /* decoding is never cancelled */
	struct job *j = work->data;
	struct prediction *p = j->owner;
	struct server *s = p->server;
	s->decoding--;
	if (--p->decoding == 0)
		free_body(p);
	if (p->request && connection_peer_left(p->request->connection))
		prediction_give_up(p, PREDICTION_LEFT);
	if (!p->request) {
		finish(j, p->given_up);
		return;
	}
	metrics_seconds(&s->metrics.decode_seconds, job_timing(j).decode_ms * 1e-3);
	if (j->decode_status == CNN_OK) {
		submit(j);
		return;
	}
	fail(j, j->decode_status);
}

static void take_batch_result(struct job *j)
{
	struct metrics *m = &j->owner->server->metrics;
	switch (j->batch.outcome) {
	case BATCH_DONE: {
		struct prediction_timing t = job_timing(j);
		metrics_seconds(&m->queue_seconds, t.queue_ms * 1e-3);
		metrics_seconds(&m->inference_seconds, t.inference_ms * 1e-3);
		metrics_pictures(&m->batch, j->batch.batch);
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

/* How many pictures more may wait, those that are being decoded counted. */
static size_t queue_room(struct server *s)
{
	struct batcher_stats stats;
	batcher_read_stats(s->batcher, &stats);
	size_t waiting = stats.waiting + s->decoding;
	return waiting < (size_t)s->config->queue ? (size_t)s->config->queue - waiting : 0;
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
		p->job[i].decode.data = &p->job[i];
		p->job[i].batch.scores = p->scores + i * classes;
	}
	s->predictions++;
	return p;
}

void prediction_start(struct request *r, const struct registry_model *model, size_t top,
                      const struct picture_bytes picture[], size_t n, bool listed)
{
	struct server *s = r->server;
	size_t room = queue_room(s);
	if (room == 0) {
		s->metrics.rejected[REJECT_QUEUE_FULL]++;
		s->metrics.pictures[OUTCOME_OVERLOADED] += n;
		reply_error(&r->reply, 503, "overloaded", "%zu pictures wait already",
		            (size_t)s->config->queue);
		reply_header(&r->reply, "Retry-After",
		             arena_printf(r->arena, "%u", batcher_retry_after(s->batcher)));
		return;
	}
	struct prediction *p = prediction_new(r, model, n);
	if (!p) {
		s->metrics.rejected[REJECT_NO_MEMORY]++;
		reply_error(&r->reply, 503, "out_of_memory", "out of memory for %zu pictures", n);
		return;
	}
	size_t body_len;
	p->body = request_take_body(r, &body_len, &p->body_capacity);
	p->request = r;
	r->prediction = p;
	p->top = top;
	p->listed = listed;
	p->started_ns = batcher_now_ns();
	p->deadline_ns = p->started_ns + (uint64_t)s->config->predict_timeout_ms * 1000000u;
	/* All are counted before any can finish. At least one is decoded, so the reply comes later. */
	size_t started = n < room ? n : room;
	p->decoding = started;
	s->decoding += started;
	for (size_t i = 0; i < started; i++) {
		struct job *j = &p->job[i];
		j->bytes = picture[i].bytes;
		j->len = picture[i].len;
		uv_queue_work(&s->loop, &j->decode, on_decode, on_decoded);
	}
	for (size_t i = started; i < n; i++) {
		s->metrics.rejected[REJECT_QUEUE_FULL]++;
		set_error(&p->job[i], "overloaded", 503, "the queue is full");
		finish(&p->job[i], OUTCOME_OVERLOADED);
	}
}
