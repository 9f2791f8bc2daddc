#include "server/commands/trace.h"

#include "server/batcher.h"
#include "server/trace_events.h"

#include <stdlib.h>

struct trace {
	const struct cnn_model *model;
	struct cnn_observer observer;
	struct trace_events events;
	uint64_t start_ns;
};

/* The step ends now. */
static void on_step(void *ctx, const struct cnn_observed *seen)
{
	struct trace *t = ctx;
	uint64_t end = batcher_now_ns() - t->start_ns;
	const struct cnn_layer *layer = cnn_model_layer(t->model, seen->layer);
	trace_events_span(&t->events, (struct trace_row){1, 1}, layer ? layer->name : seen->kernel,
	                  layer ? layer->op : "copy", end > seen->ns ? end - seen->ns : 0, seen->ns,
	                  json_pack("{s:s, s:I, s:I}", "kernel", seen->kernel, "picture",
	                            (json_int_t)seen->picture, "pictures",
	                            (json_int_t)seen->pictures));
}

struct trace *trace_open(const struct cnn_model *model, const char *path)
{
	struct trace *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->model = model;
	t->observer = (struct cnn_observer){on_step, t};
	t->start_ns = batcher_now_ns();
	FILE *file = fopen(path, "w");
	if (!file) {
		free(t);
		return NULL;
	}
	trace_events_begin(&t->events, file);
	return t;
}

const struct cnn_observer *trace_observer(struct trace *trace)
{
	return &trace->observer;
}

bool trace_close(struct trace *trace)
{
	if (!trace)
		return true;
	bool ok = trace_events_end(&trace->events);
	ok = fclose(trace->events.file) == 0 && ok;
	free(trace);
	return ok;
}
