/* fuzz_see.c - any bytes as a model file that somebody watches: each layer's maps, and where a class was seen.
 *
 * As in fuzz_load.c a model may take a few megabytes only. */
#include "engine/base/cpu.h"
#include "engine/see/head.h"
#include "engine/see/viewer.h"
#include "engine/see_heat.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/work.h"

#define MAX_BYTES ((size_t)32 << 20)

/* Every number is there to be read. */
static bool on_layer(void *ctx, const struct see_maps *maps)
{
	volatile float *sum = ctx;
	for (size_t c = 0; c < maps->channels; c++)
		for (size_t i = 0; i < maps->height * maps->width; i++)
			*sum = *sum + maps->data[c * maps->channel_step + i * maps->pixel_step];
	return true;
}

static void watch(struct see *see, const void *input)
{
	volatile float sum = 0;
	const struct see_watch all = {.on_layer = on_layer, .ctx = (void *)(uintptr_t)&sum};
	const struct cnn_item item = {.tensor = input};
	struct cnn_error err = {0};
	enum cnn_status status = see_run(see, &item, NULL, &all, &err);
	if (status)
		check_refusal(status, &err);
}

/* Of zeros, whatever the network makes of them in truth. */
static void gradient(const struct see *see)
{
	const struct graph *g = see->model->graph;
	struct arena *arena = arena_new();
	struct head head;
	struct cnn_error err = {0};
	check(arena != NULL);
	enum cnn_status status = head_find(g, arena, &head, &err);
	if (status) {
		check_refusal(status, &err);
	} else {
		size_t n = (size_t)graph_elements(&g->value[head.maps]);
		size_t classes = (size_t)graph_elements(&g->value[head.scores]);
		float *maps = calloc(n, sizeof *maps), *by = calloc(n, sizeof *by);
		float *scores = calloc(classes + 1, sizeof *scores);
		bool floats = g->value[head.maps].dtype == CNN_F32 &&
		              g->value[head.scores].dtype == CNN_F32;
		check(maps && by && scores);
		status = head_gradient(g, &head, maps, 0, MAX_BYTES, by, floats ? scores : NULL,
		                       &err);
		if (status)
			check_refusal(status, &err);
		free(maps);
		free(by);
		free(scores);
	}
	arena_free(arena);
}

static void explain(struct see *see)
{
	struct cnn_model *m = see->model;
	const struct cnn_preprocess *p = &cnn_model_info(m)->preprocess;
	struct image gray = {NULL, p->fit.width, p->fit.height, p->fit.channels};
	const struct heat_options options = {.method = HEAT_AUTO, .cls = -1};
	struct heat heat;
	struct cnn_error err = {0};
	gray.px = calloc((size_t)gray.width * (size_t)gray.height, (size_t)gray.channels);
	check(gray.px != NULL);
	enum cnn_status status = heat_explain(see, m, NULL, &gray, &options, &heat, &err);
	if (status)
		check_refusal(status, &err);
	else
		heat_clear(&heat);
	free(gray.px);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct see_options options = {.max_isa = CNN_ISA_PORTABLE, .max_bytes = MAX_BYTES};
	char path[64];
	struct see *see = NULL;
	struct cnn_error err = {0};
	int fd = memory_file(bytes, len, path);
	enum cnn_status status = see_open(path, NULL, &options, &see, &err);
	if (status) {
		check_refusal(status, &err);
	} else if (work_of(see_model(see)) <= MAX_WORK) {
		const struct cnn_model_info *info = cnn_model_info(see_model(see));
		void *input = calloc((size_t)elements(&info->input) + 1,
		                     cnn_dtype_size(info->input_dtype));
		check(input != NULL);
		watch(see, input);
		gradient(see);
		if (info->takes_pictures)
			explain(see);
		free(input);
	}
	see_close(see);
	close(fd);
	return 0;
}
