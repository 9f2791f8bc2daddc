/* The items of an inference request: decoded on the pool where they are pictures, and run in batches. */
#include "server/error_code.h"
#include "server/inference.h"

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

static void submit(struct infer_item *it)
{
	struct infer *f = it->owner;
	it->batch.raw = true;
	it->batch.scores = f->scores + (size_t)(it - f->item) * cnn_model_info(f->model)->classes;
	it->batch.deadline_ns = f->deadline_ns;
	it->batch.done = on_batch_done;
	if (f->request && batcher_submit(f->queue, &it->batch))
		return;
	if (f->request)
		f->server->metrics.rejected[REJECT_QUEUE_FULL]++;
	enum metric_outcome outcome = f->request ? OUTCOME_OVERLOADED : f->given_up;
	infer_fail(f, 503, "overloaded", "the queue is full");
	finish(it, outcome);
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

static void on_decode(uv_work_t *work)
{
	struct infer_item *it = work->data;
	if (atomic_load(&it->owner->left))
		return;
	it->decode_started_ns = batcher_now_ns();
	it->decoded = decode(&it->batch);
	it->decode_finished_ns = batcher_now_ns();
}

static void on_decoded(uv_work_t *work, int cancelled)
{
	(void)cancelled; /* never */
	struct infer_item *it = work->data;
	struct server *s = it->owner->server;
	s->infer_work--;
	if (!it->owner->request) {
		finish(it, it->owner->given_up);
		return;
	}
	metrics_seconds(&s->metrics.decode_seconds,
	                (double)time_spent(it->decode_started_ns, it->decode_finished_ns) * 1e-9);
	it->batch.pixels = &it->pixels;
	if (it->decoded)
		fail_item(it, it->decoded);
	else
		submit(it);
}

static void take_batch_result(struct infer_item *it)
{
	struct infer *f = it->owner;
	struct metrics *m = &f->server->metrics;
	const struct batch_job *b = &it->batch;
	struct model_times t = {
		.queue_ns = time_spent(b->queued_ns, b->started_ns),
		.input_ns = time_spent(it->decode_started_ns, it->decode_finished_ns),
		.infer_ns = time_spent(b->started_ns, b->finished_ns),
	};
	switch (b->outcome) {
	case BATCH_DONE:
		metrics_seconds(&m->queue_seconds, (double)t.queue_ns * 1e-9);
		metrics_seconds(&m->inference_seconds, (double)t.infer_ns * 1e-9);
		metrics_pictures(&m->batch, b->batch);
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
	struct server *s = f->server;
	size_t n = f->batch.n;
	f->unfinished = n + 1;
	for (size_t i = 0; i < n; i++) {
		f->item[i].owner = f;
		f->item[i].work.data = &f->item[i];
	}
	for (size_t i = 0; i < n; i++) {
		struct infer_item *it = &f->item[i];
		if (f->batch.tensor) {
			it->batch.tensor = f->batch.tensor + i * f->batch.tensor_bytes;
			submit(it);
		} else {
			it->encoded = f->batch.picture[i];
			s->infer_work++;
			uv_queue_work(&s->loop, &it->work, on_decode, on_decoded);
		}
	}
	infer_part_done(f);
}
