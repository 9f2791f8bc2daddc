/* The items of an inference request, which run in batches; where they are pictures the workers decode them. */
#include "server/error_code.h"
#include "server/inference.h"
#include "server/recorder.h"
#include "server/request.h"

#include <stdio.h>

enum { MAX_SIDE = 65535 }; /* what JPEG can say; a longer PNG is over any useful limit */

static void finish(struct infer_item *it, enum metric_outcome outcome)
{
	it->owner->server->metrics.pictures[outcome]++;
	image_clear(&it->pixels);
	infer_part_done(it->owner);
}

/* The item cannot be answered, and so neither can the request. */
static void fail_item(struct infer_item *it, enum cnn_status status)
{
	struct infer *f = it->owner;
	char text[600];
	snprintf(text, sizeof text, "%s %zu: %s", f->form.v1 ? "instance" : "element",
	         (size_t)(it - f->item), it->batch.error.text);
	infer_fail_status(f, status, text);
	finish(it, error_code(status)->http_status < 500 ? OUTCOME_REFUSED : OUTCOME_FAILED);
}

/* On a worker: only hand it over. */
static void on_batch_done(struct batch_job *batch)
{
	struct infer_item *it = (struct infer_item *)batch;
	struct server *s = it->owner->server;
	pthread_mutex_lock(&s->done_lock);
	it->next_done = s->infers_done;
	s->infers_done = it;
	pthread_mutex_unlock(&s->done_lock);
	uv_async_send(&s->wake);
}

static enum cnn_status decode(struct batch_job *batch)
{
	struct infer_item *it = (struct infer_item *)batch;
	const struct infer *f = it->owner;
	const struct config *config = f->server->config;
	struct image_limits limits = {MAX_SIDE, config->max_pixels};
	struct image_header header;
	return image_read(it->encoded.bytes, it->encoded.len, &limits, config->jpeg_scaling == 0,
	                  &cnn_model_info(f->model)->preprocess.fit, &it->pixels, &header,
	                  &batch->error);
}

static void submit(struct infer_item *it)
{
	struct infer *f = it->owner;
	it->batch.raw = true;
	it->batch.scores = f->scores + (size_t)(it - f->item) * cnn_model_info(f->model)->classes;
	it->batch.deadline_ns = f->deadline_ns;
	it->batch.priority = f->asked.priority ? f->asked.priority : f->priority;
	it->batch.done = on_batch_done;
	if (f->request && batcher_submit(f->queue, &it->batch))
		return;
	if (f->request)
		f->server->metrics.rejected[REJECT_QUEUE_FULL]++;
	enum metric_outcome outcome = f->request ? OUTCOME_OVERLOADED : f->given_up;
	infer_fail(f, 503, "overloaded", "the queue is full");
	finish(it, outcome);
}

static void take_batch_result(struct infer_item *it)
{
	struct infer *f = it->owner;
	struct metrics *m = &f->server->metrics;
	const struct batch_job *b = &it->batch;
	struct model_times t = {
		.queue_ns = item_queue_ns(b),
		.input_ns = time_spent(b->prepare_ns, b->prepared_ns),
		.infer_ns = time_spent(b->started_ns, b->finished_ns),
	};
	struct model_metrics *of = metrics_model(m, f->name);
	recorder_picture(f->server->recorder, b, f->request ? f->request->id : NULL, f->name,
	                 f->batch.n == 1);
	if (b->prepare && b->prepared_ns)
		metrics_seconds(&m->decode_seconds, (double)t.input_ns * 1e-9);
	switch (b->outcome) {
	case BATCH_DONE:
		metrics_seconds(&of->queue_seconds, (double)t.queue_ns * 1e-9);
		metrics_seconds(&of->inference_seconds, (double)t.infer_ns * 1e-9);
		metrics_pictures(&of->batch, b->batch);
		model_stats_item(f->stats, b->batch, &t);
		finish(it, OUTCOME_OK);
		return;
	case BATCH_EXPIRED:
		infer_give_up(f, PREDICTION_EXPIRED);
		finish(it, OUTCOME_EXPIRED);
		return;
	case BATCH_ABANDONED:
		finish(it, f->given_up);
		return;
	case BATCH_FAILED:
		break;
	}
	fail_item(it, b->error.code);
}

void infers_take_done(struct server *server)
{
	pthread_mutex_lock(&server->done_lock);
	struct infer_item *it = server->infers_done;
	server->infers_done = NULL;
	pthread_mutex_unlock(&server->done_lock);
	for (struct infer_item *next; it; it = next) {
		next = it->next_done;
		take_batch_result(it);
	}
}

void infer_start_items(struct infer *f)
{
	size_t n = f->batch.n;
	f->unfinished = n + 1;
	for (size_t i = 0; i < n; i++)
		f->item[i].owner = f;
	for (size_t i = 0; i < n; i++) {
		struct infer_item *it = &f->item[i];
		if (f->batch.tensor) {
			it->batch.tensor = f->batch.tensor + i * f->batch.tensor_bytes;
			it->batch.bytes = f->batch.tensor_bytes;
		} else {
			it->encoded = f->batch.picture[i];
			it->batch.pixels = &it->pixels;
			it->batch.prepare = decode;
			it->batch.bytes = it->encoded.len;
		}
		submit(it);
	}
	infer_part_done(f);
}
