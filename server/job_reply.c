#include "server/prediction.h"
#include "server/request.h"

static double ms(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (double)(to_ns - from_ns) * 1e-6 : 0;
}

struct prediction_timing job_timing(const struct job *j)
{
	const struct prediction *p = j->owner;
	return (struct prediction_timing){
		.decode_ms = ms(j->batch.prepare_ns, j->batch.prepared_ns),
		/* In a batch, a picture that is decoded waits for its neighbours. */
		.queue_ms = ms(p->started_ns, j->batch.prepare_ns) +
	                    ms(j->batch.prepared_ns, j->batch.started_ns),
		.inference_ms = ms(j->batch.started_ns, j->batch.finished_ns),
		.total_ms = ms(p->started_ns, batcher_now_ns()),
	};
}

static json_t *job_json(const struct job *j)
{
	const struct prediction *p = j->owner;
	if (j->code)
		return json_pack("{s:o}", "error", reply_error_json(j->code, j->error.text));
	struct prediction_timing timing = job_timing(j);
	return model_json_prediction(p->model, p->name, &j->header, j->batch.scores, p->top,
	                             j->batch.batch, &timing);
}

/* The slowest picture's times stand for a request of several. */
static const struct job *slowest(const struct prediction *p)
{
	const struct job *slowest = NULL;
	double most = -1;
	for (size_t i = 0; i < p->n; i++) {
		if (p->job[i].code)
			continue; /* perhaps a worker still has it */
		struct prediction_timing t = job_timing(&p->job[i]);
		double sum = t.decode_ms + t.queue_ms + t.inference_ms;
		if (sum > most) {
			slowest = &p->job[i];
			most = sum;
		}
	}
	return slowest;
}

static void add_timing(const struct prediction *p)
{
	const struct job *j = slowest(p);
	struct request *r = p->request;
	struct prediction_timing t = {0};
	r->picture.model = arena_strdup(r->arena, p->name);
	if (j) {
		const struct batch_job *b = &j->batch;
		t = job_timing(j);
		r->picture = (struct request_picture){
			r->picture.model, b->queued_ns,   b->prepare_ns, b->prepared_ns,
			b->started_ns,    b->finished_ns, b->batch,      b->worker};
		metrics_seconds(&p->server->metrics.reply_seconds,
		                ms(b->finished_ns, batcher_now_ns()) * 1e-3);
	}
	reply_header(&r->reply, "Server-Timing",
	             arena_printf(r->arena,
	                          "decode;dur=%.3f, queue;dur=%.3f, inference;dur=%.3f, "
	                          "total;dur=%.3f",
	                          t.decode_ms, t.queue_ms, t.inference_ms,
	                          ms(p->started_ns, batcher_now_ns())));
}

static void add_retry_after(const struct prediction *p)
{
	reply_header(
		&p->request->reply, "Retry-After",
		arena_printf(p->request->arena, "%u", batcher_retry_after(p->server->batcher)));
}

/* When the server could serve none of several pictures, the whole request failed. */
static bool all_refused_alike(const struct prediction *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!p->job[i].code || p->job[i].http_status < 499 ||
		    p->job[i].http_status != p->job[0].http_status)
			return false;
	}
	return true;
}

/* The slowest picture stands for the request here too; each tells of its own run. */
static void count(const struct prediction *p)
{
	struct model_stats *stats = model_stats_get(&p->server->model_stats, p->name,
	                                            cnn_model_info(p->model)->version);
	struct model_times worst = {.total_ns = batcher_now_ns() - p->started_ns};
	bool good = false;
	for (size_t i = 0; i < p->n; i++) {
		const struct job *j = &p->job[i];
		if (j->code)
			continue;
		struct prediction_timing t = job_timing(j);
		struct model_times own = {
			.total_ns = worst.total_ns,
			.queue_ns = (uint64_t)(t.queue_ms * 1e6),
			.input_ns = (uint64_t)(t.decode_ms * 1e6),
			.infer_ns = (uint64_t)(t.inference_ms * 1e6),
		};
		model_stats_item(stats, j->batch.batch, &own);
		if (own.queue_ns + own.infer_ns >= worst.queue_ns + worst.infer_ns)
			worst = own;
		good = true;
	}
	model_stats_request(stats, good, &worst);
}

void prediction_set_reply(const struct prediction *p)
{
	struct request *r = p->request;
	const struct job *first = &p->job[0];
	if (!p->listed || all_refused_alike(p)) {
		unsigned status = first->code ? first->http_status : 200;
		reply_json(&r->reply, status, job_json(first));
		if (status == 503)
			add_retry_after(p);
	} else {
		json_t *results = json_array();
		for (size_t i = 0; results && i < p->n; i++) {
			if (json_array_append_new(results, job_json(&p->job[i])) != 0) {
				json_decref(results);
				results = NULL;
			}
		}
		reply_json(&r->reply, 200, results ? json_pack("{s:o}", "results", results) : NULL);
	}
	add_timing(p);
	count(p);
}
