#include "server/commands/trace.h"

#include "server/batcher.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct trace {
	const struct cnn_model *model;
	struct cnn_observer observer;
	FILE *file;
	uint64_t start_ns;
	size_t n;
	bool failed;
};

/* A complete event ("X") of the step that ends now; times in microseconds. */
static void on_step(void *ctx, const struct cnn_observed *seen)
{
	struct trace *t = ctx;
	double end = (double)(batcher_now_ns() - t->start_ns) * 1e-3, us = (double)seen->ns * 1e-3;
	const struct cnn_layer *layer = cnn_model_layer(t->model, seen->layer);
	json_t *event = json_pack(
		"{s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:{s:s, s:I, s:I}}", "name",
		layer ? layer->name : seen->kernel, "cat", layer ? layer->op : "copy", "ph", "X",
		"ts", end - us, "dur", us, "pid", 1, "tid", 1, "args", "kernel", seen->kernel,
		"picture", (json_int_t)seen->picture, "pictures", (json_int_t)seen->pictures);
	if (!event || (t->n++ && fputs(",\n", t->file) < 0) ||
	    json_dumpf(event, t->file, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0)
		t->failed = true;
	json_decref(event);
}

struct trace *trace_open(const struct cnn_model *model, const char *path)
{
	struct trace *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->model = model;
	t->observer = (struct cnn_observer){on_step, t};
	t->start_ns = batcher_now_ns();
	t->file = fopen(path, "w");
	if (!t->file) {
		free(t);
		return NULL;
	}
	t->failed = fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n", t->file) < 0;
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
	bool ok = !trace->failed && fputs("\n]}\n", trace->file) >= 0;
	ok = fclose(trace->file) == 0 && ok;
	free(trace);
	return ok;
}
