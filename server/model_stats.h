/* model_stats.h - what each model has done since the start, as the statistics extension of the Open Inference Protocol
 * tells it. Loop thread only. Kept by name and version, so that it outlives a model that is loaded again. */
#ifndef SERVER_MODEL_STATS_H
#define SERVER_MODEL_STATS_H
#include "engine/base/types.h"

#include <jansson.h>

struct model_stats;

/* Those of a model; they begin at 0. NULL when memory runs out, which all functions below accept. */
struct model_stats *model_stats_get(struct model_stats **list, const char *name,
                                    const char *version);
void model_stats_clear(struct model_stats **list);

struct model_times {
	uint64_t total_ns, queue_ns, input_ns, infer_ns, output_ns;
};
/* A request was answered; a failed one counts only with its total. */
void model_stats_request(struct model_stats *stats, bool good, const struct model_times *times);
/* One item of a request was part of a run of `batch`. Only input_ns and infer_ns count. */
void model_stats_item(struct model_stats *stats, uint32_t batch, const struct model_times *times);

/* One element of "model_stats". NULL when memory runs out. */
json_t *model_stats_json(const struct model_stats *stats);

#endif
