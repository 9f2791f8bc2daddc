/* trace_events.h - a file for chrome://tracing and Perfetto: the Trace Event Format. */
#ifndef SERVER_TRACE_EVENTS_H
#define SERVER_TRACE_EVENTS_H
#include "engine/base/types.h"

#include <jansson.h>
#include <stdio.h>

struct trace_events {
	FILE *file; /* borrowed */
	size_t n;
	bool failed;
};

/* Which row of the picture. */
struct trace_row {
	int process, thread;
};

void trace_events_begin(struct trace_events *t, FILE *file);
/* A span, in nanoseconds. `args` is taken over; NULL when memory ran out. */
void trace_events_span(struct trace_events *t, struct trace_row row, const char *name,
                       const char *category, uint64_t start_ns, uint64_t ns, json_t *args);
/* `what`: "process_name" or "thread_name". */
void trace_events_name(struct trace_events *t, struct trace_row row, const char *what,
                       const char *name);
/* False when not everything could be written. */
bool trace_events_end(struct trace_events *t);

#endif
