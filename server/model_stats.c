#include "server/model_stats.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_BATCH = 256 };

struct duration {
	uint64_t count, ns;
};

struct model_stats {
	struct model_stats *next;
	char *name, *version;
	uint64_t last_ms; /* of the last item, since 1970 */
	struct duration success, fail, queue, input, infer, output;
	struct {
		uint64_t items, input_ns, infer_ns;
	} by_batch[MAX_BATCH + 1];
};

static void free_one(struct model_stats *stats)
{
	free(stats->name);
	free(stats->version);
	free(stats);
}

struct model_stats *model_stats_get(struct model_stats **list, const char *name,
                                    const char *version)
{
	for (struct model_stats *s = *list; s; s = s->next) {
		if (strcmp(s->name, name) == 0 && strcmp(s->version, version) == 0)
			return s;
	}
	struct model_stats *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->name = strdup(name);
	s->version = strdup(version);
	if (!s->name || !s->version) {
		free_one(s);
		return NULL;
	}
	s->next = *list;
	*list = s;
	return s;
}

void model_stats_clear(struct model_stats **list)
{
	for (struct model_stats *s = *list, *next; s; s = next) {
		next = s->next;
		free_one(s);
	}
	*list = NULL;
}

static void add(struct duration *d, uint64_t ns)
{
	d->count++;
	d->ns += ns;
}

void model_stats_request(struct model_stats *stats, bool good, const struct model_times *times)
{
	if (!stats)
		return;
	add(good ? &stats->success : &stats->fail, times->total_ns);
	if (!good)
		return;
	add(&stats->queue, times->queue_ns);
	add(&stats->input, times->input_ns);
	add(&stats->infer, times->infer_ns);
	add(&stats->output, times->output_ns);
}

void model_stats_item(struct model_stats *stats, uint32_t batch, const struct model_times *times)
{
	if (!stats || batch < 1 || batch > MAX_BATCH)
		return;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	stats->last_ms = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
	stats->by_batch[batch].items++;
	stats->by_batch[batch].input_ns += times->input_ns;
	stats->by_batch[batch].infer_ns += times->infer_ns;
}

static json_t *duration_json(const struct duration *d)
{
	return json_pack("{s:I, s:I}", "count", (json_int_t)d->count, "ns", (json_int_t)d->ns);
}

/* Each item tells of its run: as many of them as the run has items are one. */
static uint64_t runs(const struct model_stats *stats, size_t batch)
{
	return (stats->by_batch[batch].items + batch - 1) / batch;
}

json_t *model_stats_json(const struct model_stats *stats)
{
	if (!stats)
		return NULL;
	uint64_t items = 0, executions = 0;
	json_t *batches = json_array();
	for (size_t b = 1; batches && b <= MAX_BATCH; b++) {
		uint64_t count = runs(stats, b);
		if (count == 0)
			continue;
		items += stats->by_batch[b].items;
		executions += count;
		/* What came in was read item by item, the run is one for all of them. */
		struct duration input = {count, stats->by_batch[b].input_ns};
		struct duration infer = {count, stats->by_batch[b].infer_ns / b};
		struct duration output = {count, 0};
		json_array_append_new(batches,
		                      json_pack("{s:I, s:o, s:o, s:o}", "batch_size", (json_int_t)b,
		                                "compute_input", duration_json(&input),
		                                "compute_infer", duration_json(&infer),
		                                "compute_output", duration_json(&output)));
	}
	json_t *durations = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o}", "success", duration_json(&stats->success), "fail",
		duration_json(&stats->fail), "queue", duration_json(&stats->queue), "compute_input",
		duration_json(&stats->input), "compute_infer", duration_json(&stats->infer),
		"compute_output", duration_json(&stats->output));
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "name", stats->name, "version",
	                 stats->version, "last_inference", (json_int_t)stats->last_ms,
	                 "inference_count", (json_int_t)items, "execution_count",
	                 (json_int_t)executions, "inference_stats", durations, "batch_stats",
	                 batches);
}
