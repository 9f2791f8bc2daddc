#include "server/infer.h"
#include "server/admission.h"
#include "server/connection.h"
#include "server/error_code.h"
#include "server/http.h"
#include "server/inference.h"
#include "server/request.h"

#include <stdlib.h>
#include <string.h>

static void infer_free(struct infer *f)
{
	if (!f)
		return;
	struct server *s = f->server;
	s->predictions--;
	s->body_bytes -= f->counted;
	for (size_t i = 0; f->item && i < f->batch.n; i++)
		image_clear(&f->item[i].pixels);
	/* Freeing a model takes long: see prediction_free(). */
	cnn_model_unref(f->model);
	batcher_release(f->queue);
	arena_free(f->arena);
	free(f->batch.owned);
	free(f->reply.text);
	free(f->scores);
	free(f->item);
	free(f->body);
	free(f->name);
	free(f);
}

/* --- answering ------------------------------------------------------------------------- */

/* The slowest item's times stand for all. */
static void count_request(const struct infer *f, bool good)
{
	uint64_t now = batcher_now_ns();
	struct model_times t = {.total_ns = time_spent(f->started_ns, now)};
	uint64_t decode = 0;
	for (size_t i = 0; good && i < f->batch.n; i++) {
		const struct infer_item *it = &f->item[i];
		uint64_t queue = item_queue_ns(&it->batch);
		uint64_t infer = time_spent(it->batch.started_ns, it->batch.finished_ns);
		uint64_t own = time_spent(it->batch.prepare_ns, it->batch.prepared_ns);
		t.queue_ns = queue > t.queue_ns ? queue : t.queue_ns;
		t.infer_ns = infer > t.infer_ns ? infer : t.infer_ns;
		decode = own > decode ? own : decode;
	}
	t.input_ns = time_spent(f->started_ns, f->read_ns) + decode;
	t.output_ns = time_spent(f->run_ns, now);
	model_stats_request(f->stats, good, &t);
}

/* What the logs and traces tell: the times of the first item. */
static void keep_times(const struct infer *f)
{
	struct request *r = f->request;
	const struct batch_job *b = &f->item[0].batch;
	r->picture = (struct request_picture){.model = arena_strdup(r->arena, f->name),
	                                      .queued_ns = b->queued_ns,
	                                      .prepare_ns = b->prepare_ns,
	                                      .prepared_ns = b->prepared_ns,
	                                      .started_ns = b->started_ns,
	                                      .finished_ns = b->finished_ns,
	                                      .batch = b->batch,
	                                      .worker = b->worker};
}

/* The request's reply is set: it no longer waits. */
static void detach(struct infer *f)
{
	struct request *r = f->request;
	count_request(f, r->reply.status == 200);
	if (r->reply.status == 200)
		keep_times(f);
	atomic_store(&f->left, true);
	f->request = NULL;
	r->infer = NULL;
	request_done(r);
}

static void set_retry_after(struct infer *f)
{
	struct request *r = f->request;
	if (r->reply.status == 503)
		reply_header(&r->reply, "Retry-After",
		             arena_printf(r->arena, "%u", batcher_retry_after(f->server->batcher)));
}

void infer_fail(struct infer *f, unsigned http_status, const char *code, const char *text)
{
	for (size_t i = 0; f->item && i < f->batch.n; i++)
		atomic_store(&f->item[i].batch.abandoned, true);
	if (!f->request)
		return;
	f->given_up = OUTCOME_ABANDONED;
	reply_error(&f->request->reply, http_status, code, "%s", text);
	set_retry_after(f);
	detach(f);
}

void infer_fail_status(struct infer *f, enum cnn_status status, const char *text)
{
	const struct error_code *code = error_code(status);
	bool theirs = status == CNN_BAD_ARG || code->http_status < 500;
	if (!theirs)
		log_line(f->server->log, LOG_ERROR, "model '%s', request %s: %s", f->name,
		         f->request ? f->request->id : "(ended)", text);
	infer_fail(f, theirs ? 400 : code->http_status, theirs ? "bad_request" : code->code, text);
}

void infer_give_up(struct infer *f, enum prediction_end why)
{
	switch (why) {
	case PREDICTION_EXPIRED:
		infer_fail(f, 504, "deadline_exceeded", "no answer within the time for it");
		f->given_up = OUTCOME_EXPIRED;
		break;
	case PREDICTION_LEFT:
		infer_fail(f, 499, "client_closed", "the client closed before the answer");
		break;
	case PREDICTION_DRAINING:
		infer_fail(f, 503, "draining", "the server ended before the answer was ready");
		break;
	}
}

bool infer_is_late(const struct infer *f)
{
	return batcher_now_ns() >= f->deadline_ns;
}

/* --- writing the reply, on the pool ---------------------------------------------------------- */

static void on_write(uv_work_t *work)
{
	struct infer *f = work->data;
	if (atomic_load(&f->left))
		return;
	f->status = f->form.v1 ? oip_reply_write_v1(f->model, f->scores, f->batch.n, &f->reply,
	                                            &f->error)
	                       : oip_reply_write(f->model, f->name, &f->asked, f->scores,
	                                         f->batch.n, &f->reply, &f->error);
}

static void set_reply(struct infer *f)
{
	struct request *r = f->request;
	size_t json_len = f->reply.json_len;
	reply_text(&r->reply, 200, json_len ? "application/octet-stream" : "application/json",
	           f->reply.text, f->reply.len);
	f->reply.text = NULL;
	if (json_len)
		reply_header(&r->reply, "Inference-Header-Content-Length",
		             arena_printf(r->arena, "%zu", json_len));
	detach(f);
}

static void on_written(uv_work_t *work, int cancelled)
{
	(void)cancelled; /* never */
	struct infer *f = work->data;
	f->server->infer_work--;
	if (f->request && f->status)
		infer_fail_status(f, f->status, f->error.text);
	else if (f->request)
		set_reply(f);
	infer_free(f);
}

void infer_part_done(struct infer *f)
{
	if (--f->unfinished > 0)
		return;
	if (!f->request) {
		infer_free(f);
		return;
	}
	f->run_ns = batcher_now_ns();
	f->server->infer_work++;
	uv_queue_work(&f->server->loop, &f->work, on_write, on_written);
}

/* --- reading the request, on the pool ---------------------------------------------------------- */

static void on_read(uv_work_t *work)
{
	struct infer *f = work->data;
	if (atomic_load(&f->left))
		return;
	struct oip_body body = {f->body, f->body_len, f->form.json_len, f->form.raw};
	size_t max = (size_t)f->server->config->queue;
	if (f->form.v1)
		f->status = oip_batch_read_v1(f->model, &body, max, f->arena, &f->batch, &f->error);
	else
		f->status = oip_batch_read(f->model, &body, max, f->arena, &f->asked, &f->batch,
		                           &f->error);
}

static const char memory_is_full[] = "other requests fill the memory set aside for them";

/* Count memory like that of bodies. What is larger than all room is let in when nothing else is there. */
static bool reserve(struct infer *f, size_t bytes)
{
	struct server *s = f->server;
	size_t room = s->body_bytes_limit - s->body_bytes;
	if (bytes > room && s->body_bytes > f->counted) {
		s->metrics.rejected[REJECT_BODY_MEMORY]++;
		return false;
	}
	bytes = bytes < room ? bytes : room;
	s->body_bytes += bytes;
	f->counted += bytes;
	return true;
}

/* Memory for the answer. false: the request is refused. */
static bool make_room(struct infer *f)
{
	/* A number of the answer is 4 bytes, and up to 16 characters as JSON. */
	enum { ANSWER_BYTES = 20 };
	struct server *s = f->server;
	size_t n = f->batch.n, classes = cnn_model_info(f->model)->classes, bytes;
	if (__builtin_mul_overflow(n * ANSWER_BYTES, classes, &bytes) || !reserve(f, bytes)) {
		infer_fail(f, 503, "overloaded", memory_is_full);
		return false;
	}
	f->item = calloc(n, sizeof *f->item);
	f->scores = malloc(n * classes * sizeof *f->scores);
	if (f->item && f->scores)
		return true;
	free(f->item);
	f->item = NULL;
	s->metrics.rejected[REJECT_NO_MEMORY]++;
	infer_fail(f, 503, "out_of_memory", "out of memory for the answer");
	return false;
}

static bool queue_has_room(struct server *s, size_t n)
{
	struct batcher_stats stats;
	batcher_read_stats(s->batcher, &stats);
	size_t waiting = stats.waiting + s->infer_work;
	return waiting + n <= (size_t)s->config->queue;
}

static void on_read_done(uv_work_t *work, int cancelled)
{
	(void)cancelled; /* never */
	struct infer *f = work->data;
	struct server *s = f->server;
	s->infer_work--;
	f->read_ns = batcher_now_ns();
	if (f->request && f->status) {
		infer_fail_status(f, f->status, f->error.text);
	} else if (f->request && !queue_has_room(s, f->batch.n)) {
		s->metrics.rejected[REJECT_QUEUE_FULL]++;
		s->metrics.pictures[OUTCOME_OVERLOADED] += f->batch.n;
		infer_fail(f, 503, "overloaded", "the queue is full");
	}
	if (!f->request || !make_room(f)) {
		infer_free(f);
		return;
	}
	if (f->asked.timeout_us > 0 && f->asked.timeout_us < s->config->predict_timeout_ms * 1000) {
		uint64_t own = f->started_ns + (uint64_t)f->asked.timeout_us * 1000u;
		f->deadline_ns = own < f->deadline_ns ? own : f->deadline_ns;
	}
	http_look_at(s->http, f->deadline_ns);
	if (f->batch.owned) {
		/* The numbers are out of the text. */
		free(f->body);
		f->body = NULL;
	}
	infer_start_items(f);
}

void infer_start(struct request *r, const struct registry_model *model,
                 const struct infer_form *form)
{
	struct server *s = r->server;
	struct infer *f = calloc(1, sizeof *f);
	char *name = strdup(model->name);
	struct arena *arena = arena_new();
	if (!f || !name || !arena) {
		free(f);
		free(name);
		arena_free(arena);
		s->metrics.rejected[REJECT_NO_MEMORY]++;
		reply_error(&r->reply, 503, "out_of_memory", "out of memory for the request");
		return;
	}
	f->server = s;
	f->name = name;
	f->arena = arena;
	f->form = *form;
	f->model = cnn_model_ref(model->model);
	f->queue = model->queue;
	batcher_hold(f->queue);
	f->stats = model_stats_get(&s->model_stats, name, cnn_model_info(f->model)->version);
	f->given_up = OUTCOME_ABANDONED;
	f->body = request_take_body(r, &f->body_len, &f->counted);
	f->request = r;
	r->infer = f;
	f->started_ns = batcher_now_ns();
	f->deadline_ns = admission_deadline(r, f->started_ns);
	f->priority = r->priority;
	f->work.data = f;
	s->predictions++;
	/* Numbers out of text, and pictures out of base64, take at most twice the text's memory. */
	if (!form->raw && !reserve(f, 2 * form->json_len)) {
		reply_error(&r->reply, 503, "overloaded", "%s", memory_is_full);
		set_retry_after(f);
		r->infer = NULL;
		infer_free(f);
		return;
	}
	s->infer_work++;
	uv_queue_work(&s->loop, &f->work, on_read, on_read_done);
}
