#include "server/recorder.h"
#include "server/batcher.h"
#include "server/request.h"
#include "server/trace_events.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RECORDS = 16384, MAX_LANES = 4096, MODEL_BYTES = 64 };
enum { REQUESTS = 1, WORKERS = 2 }; /* processes of the trace */

/* A request, or one of its pictures as it came back from its worker. */
struct record {
	bool is_request;
	bool alone;     /* a picture whose request has no other: its request shows it */
	bool has_batch; /* a picture that stands for its batch */
	char id[REQUEST_ID_MAX + 1], model[MODEL_BYTES];
	const char *route;
	char method[12];
	unsigned status;
	uint64_t start_ns, header_ns, body_ns, end_ns;
	struct request_picture picture;
};

struct recorder {
	size_t n, left_out;
	uint64_t start_ns;
	struct record record[MAX_RECORDS];
};

struct recorder *recorder_new(void)
{
	struct recorder *r = calloc(1, sizeof *r);
	if (r)
		r->start_ns = batcher_now_ns();
	return r;
}

void recorder_free(struct recorder *r)
{
	free(r);
}

static struct record *add(struct recorder *r)
{
	if (r->n < MAX_RECORDS)
		return &r->record[r->n++];
	r->left_out++;
	return NULL;
}

static void copy(char *to, size_t size, const char *from)
{
	size_t n = from ? strnlen(from, size) : 0;
	if (n == size) { /* cut, but not within a character */
		n--;
		while (n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80)
			n--;
	}
	if (n)
		memcpy(to, from, n);
	to[n] = '\0';
}

void recorder_request(struct recorder *r, const struct request *q)
{
	struct record *to = r && q->replied_ns ? add(r) : NULL;
	if (!to)
		return;
	*to = (struct record){.is_request = true,
	                      .route = q->route ? q->route->pattern : "(none)",
	                      .status = q->reply.status,
	                      .start_ns = q->started_ns,
	                      .header_ns = q->header_ns,
	                      .body_ns = q->body_ns,
	                      .end_ns = batcher_now_ns(),
	                      .picture = q->picture};
	copy(to->id, sizeof to->id, q->id);
	copy(to->method, sizeof to->method, q->method_name);
	copy(to->model, sizeof to->model, q->picture.model);
	to->picture.model = NULL;
}

void recorder_picture(struct recorder *r, const struct batch_job *b, const char *id,
                      const char *model, bool alone)
{
	struct record *to = r && b->prepare_ns ? add(r) : NULL;
	if (!to)
		return;
	*to = (struct record){.alone = alone,
	                      .has_batch = b->first_of_batch,
	                      .start_ns = b->queued_ns,
	                      .end_ns = b->finished_ns ? b->finished_ns : b->prepared_ns,
	                      .picture = {.queued_ns = b->queued_ns,
	                                  .prepare_ns = b->prepare_ns,
	                                  .prepared_ns = b->prepared_ns,
	                                  .started_ns = b->started_ns,
	                                  .finished_ns = b->finished_ns,
	                                  .batch = b->batch,
	                                  .worker = b->worker}};
	copy(to->id, sizeof to->id, id ? id : "(ended)");
	copy(to->model, sizeof to->model, model);
}

/* --- writing ---------------------------------------------------------------------------- */

struct writing {
	struct trace_events events;
	uint64_t base_ns;
	uint64_t lane_end_ns[MAX_LANES]; /* requests that overlap lie in rows of their own */
	size_t n_lanes;
};

static void span(struct writing *w, struct trace_row row, const char *name, const char *category,
                 uint64_t from_ns, uint64_t to_ns, json_t *args)
{
	if (!from_ns || to_ns < from_ns) {
		json_decref(args);
		return;
	}
	trace_events_span(&w->events, row, name, category, from_ns - w->base_ns, to_ns - from_ns,
	                  args ? args : json_object());
}

static void write_picture(struct writing *w, struct trace_row row, const struct record *r)
{
	const struct request_picture *p = &r->picture;
	if (!p->queued_ns)
		return;
	span(w, row, "queue", "stage", p->queued_ns, p->prepare_ns, NULL);
	span(w, row, "decode", "stage", p->prepare_ns, p->prepared_ns, NULL);
	span(w, row, "neighbours", "stage", p->prepared_ns, p->started_ns, NULL);
	span(w, row, "run", "stage", p->started_ns, p->finished_ns,
	     json_pack("{s:i, s:i, s:s}", "batch", (int)p->batch, "worker", (int)p->worker, "model",
	               r->model));
}

static struct trace_row take_lane(struct writing *w, const struct record *r)
{
	size_t i = 0;
	while (i < w->n_lanes && w->lane_end_ns[i] > r->start_ns)
		i++;
	if (i == MAX_LANES)
		i = MAX_LANES - 1;
	if (i == w->n_lanes)
		w->n_lanes++;
	w->lane_end_ns[i] = r->end_ns;
	return (struct trace_row){REQUESTS, (int)i + 1};
}

static void write_request(struct writing *w, const struct record *r)
{
	char name[128];
	snprintf(name, sizeof name, "%s %s", r->method, r->route);
	struct trace_row row = take_lane(w, r);
	span(w, row, name, "request", r->start_ns, r->end_ns,
	     json_pack("{s:s, s:i}", "id", r->id, "status", (int)r->status));
	span(w, row, "parse", "stage", r->start_ns, r->header_ns, NULL);
	span(w, row, "body", "stage", r->header_ns, r->body_ns, NULL);
	write_picture(w, row, r);
	uint64_t last = r->picture.finished_ns ? r->picture.finished_ns : r->body_ns;
	span(w, row, "reply", "stage", last, r->end_ns, NULL);
}

static void write_lone_picture(struct writing *w, const struct record *r)
{
	struct trace_row row = take_lane(w, r);
	span(w, row, "picture", "picture", r->start_ns, r->end_ns, json_pack("{s:s}", "id", r->id));
	write_picture(w, row, r);
}

static void write_worker(struct writing *w, const struct record *r)
{
	const struct request_picture *p = &r->picture;
	struct trace_row row = {WORKERS, (int)p->worker + 1};
	span(w, row, "decode", "worker", p->prepare_ns, p->prepared_ns,
	     json_pack("{s:s}", "id", r->id));
	if (r->has_batch)
		span(w, row, r->model, "batch", p->started_ns, p->finished_ns,
		     json_pack("{s:i}", "pictures", (int)p->batch));
}

static int by_start(const void *a, const void *b)
{
	const struct record *x = *(const struct record *const *)a;
	const struct record *y = *(const struct record *const *)b;
	return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

bool recorder_write(const struct recorder *r, FILE *out)
{
	struct writing *w = calloc(1, sizeof *w);
	const struct record **sorted = calloc(r->n + 1, sizeof *sorted);
	if (!w || !sorted) {
		free(w);
		free(sorted);
		return false;
	}
	for (size_t i = 0; i < r->n; i++)
		sorted[i] = &r->record[i];
	qsort(sorted, r->n, sizeof *sorted, by_start);
	/* A request may have begun before the recording did. */
	w->base_ns = r->n && sorted[0]->start_ns < r->start_ns ? sorted[0]->start_ns : r->start_ns;
	trace_events_begin(&w->events, out);
	trace_events_name(&w->events, (struct trace_row){REQUESTS, 0}, "process_name", "requests");
	trace_events_name(&w->events, (struct trace_row){WORKERS, 0}, "process_name", "workers");
	for (size_t i = 0; i < r->n; i++) {
		if (sorted[i]->is_request)
			write_request(w, sorted[i]);
		else if (!sorted[i]->alone)
			write_lone_picture(w, sorted[i]);
		if (!sorted[i]->is_request)
			write_worker(w, sorted[i]);
	}
	if (r->left_out) {
		char text[64];
		snprintf(text, sizeof text, "%zu spans did not fit", r->left_out);
		trace_events_name(&w->events, (struct trace_row){REQUESTS, 0}, "process_labels",
		                  text);
	}
	bool ok = trace_events_end(&w->events);
	free(w);
	free(sorted);
	return ok;
}
