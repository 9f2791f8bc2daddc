#include "server/trace_events.h"
#include "engine/base/json_text.h"

void trace_events_begin(struct trace_events *t, FILE *file)
{
	*t = (struct trace_events){.file = file};
	t->failed = fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n", file) < 0;
}

/* `event` is taken over. */
static void write_event(struct trace_events *t, json_t *event)
{
	/* 15 digits keep nanoseconds over days, so that what nests still does when it is read. */
	if (!event || (t->n++ && fputc(',', t->file) < 0) ||
	    !json_print(event, t->file, JSON_COMPACT | JSON_REAL_PRECISION(15)))
		t->failed = true;
	json_decref(event);
}

void trace_events_span(struct trace_events *t, struct trace_row row, const char *name,
                       const char *category, uint64_t start_ns, uint64_t ns, json_t *args)
{
	/* A complete event ("X"); times in microseconds. */
	write_event(t, json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:o}", "name", name, "cat",
	                         category, "ph", "X", "ts", (double)start_ns * 1e-3, "dur",
	                         (double)ns * 1e-3, "pid", row.process, "tid", row.thread, "args",
	                         args));
}

void trace_events_name(struct trace_events *t, struct trace_row row, const char *what,
                       const char *name)
{
	write_event(t, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", what, "ph", "M", "pid",
	                         row.process, "tid", row.thread, "args", "name", name));
}

bool trace_events_end(struct trace_events *t)
{
	return fputs("\n]}\n", t->file) >= 0 && !t->failed;
}
