/* trace.h - a run's steps as a file for chrome://tracing and Perfetto: the Trace Event Format. */
#ifndef SERVER_COMMANDS_TRACE_H
#define SERVER_COMMANDS_TRACE_H
#include "engine/cnn.h"

struct trace;

/* Begin the file. NULL when that fails; errno tells. */
struct trace *trace_open(const struct cnn_model *model, const char *path);
/* Writes each step of the runs that it watches. */
const struct cnn_observer *trace_observer(struct trace *trace);
/* End the file; NULL-safe. False when not everything could be written. */
bool trace_close(struct trace *trace);

#endif
