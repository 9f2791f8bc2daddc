/* metrics.h - counters and histograms, and their page in Prometheus' text format 0.0.4. Loop thread only. */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H
#include "engine/base/status.h"
#include "engine/base/types.h"

#include <stdio.h>

#define REJECT_LIST(X)                          \
	X(QUEUE_FULL, "queue_full")             \
	X(QUEUE_BYTES, "queue_bytes")           \
	X(LATE, "deadline")                     \
	X(BODY_MEMORY, "body_memory")           \
	X(BODY_TOO_LARGE, "body_too_large")     \
	X(HEADER_TOO_LARGE, "header_too_large") \
	X(TOO_SLOW, "too_slow")                 \
	X(UNAUTHORIZED, "unauthorized")         \
	X(VIEW_QUEUE, "view_queue")             \
	X(NO_MEMORY, "out_of_memory")

#define OUTCOME_LIST(X)             \
	X(OK, "ok")                 \
	X(REFUSED, "refused")       \
	X(OVERLOADED, "overloaded") \
	X(EXPIRED, "expired")       \
	X(ABANDONED, "abandoned")   \
	X(FAILED, "failed")

enum metric_reject {
#define X(name, text) REJECT_##name,
	REJECT_LIST(X)
#undef X
		REJECT_COUNT
};

enum metric_outcome {
#define X(name, text) OUTCOME_##name,
	OUTCOME_LIST(X)
#undef X
		OUTCOME_COUNT
};
enum { REJECT_LIST_COUNT = REJECT_COUNT, OUTCOME_LIST_COUNT = OUTCOME_COUNT };

enum { METRIC_MODELS = 64 }; /* with rows of their own; the others share one */
enum { METRIC_BUCKETS = 16, METRIC_CODES = 17 };

struct histogram {
	uint64_t bucket[METRIC_BUCKETS + 1]; /* the last: above every bound */
	double sum;
};

struct route_metrics {
	uint64_t code[METRIC_CODES + 1]; /* the last: any other code */
	struct histogram seconds;
};

struct model_metrics {
	char *name;
#define BY_MODEL_HISTOGRAM(field, name, bounds, help) struct histogram field;
#include "server/metrics.def"
};

struct metrics {
	const char *const *route; /* their patterns */
	size_t n_routes;
	struct route_metrics *by_route;
	struct model_metrics by_model[METRIC_MODELS + 1]; /* the last: of all that have no row */
	size_t n_models;
#define COUNTER_BY(field, name, label, LIST, help) uint64_t field[LIST##_COUNT];
#define HISTOGRAM(field, name, bounds, help)       struct histogram field;
#define COUNTER(field, name, help)                 uint64_t field;
#define COUNTER_REAL(field, name, help)            double field;
#define GAUGE(field, name, help)                   double field;
#include "server/metrics.def"
};

/* `route` is borrowed. */
enum cnn_status metrics_init(struct metrics *m, const char *const *route, size_t n_routes,
                             struct cnn_error *err);
void metrics_clear(struct metrics *m);

void metrics_request(struct metrics *m, size_t route, unsigned code, double seconds);
/* The rows of a model, made when it has none. */
struct model_metrics *metrics_model(struct metrics *m, const char *name);
void metrics_seconds(struct histogram *h, double seconds);
void metrics_pictures(struct histogram *h, uint32_t pictures);

/* Fill the gauges that the process itself knows: memory, files, CPU time. */
void metrics_read_process(struct metrics *m);
/* Write the page; rows that other parts add go after it, with metrics_label() for their labels' values. */
void metrics_write(const struct metrics *m, FILE *out);
void metrics_label(FILE *out, const char *value); /* quoted and escaped */

#endif
