/* Maps to keep: one layer's, of chosen channels. */
#include "engine/see/pick.h"

#include "engine/see/viewer.h"

#include <stdlib.h>
#include <string.h>

enum cnn_status pick_check(const char *layer, const char *what, size_t n,
                           const struct see_choice *choice, struct cnn_error *err)
{
	for (size_t i = 0; i < choice->n_channel; i++)
		if (choice->channel[i] >= n)
			return cnn_fail(err, CNN_BAD_ARG,
			                "layer '%s' has no %s %u: it has %zu, counted from 0",
			                layer, what, choice->channel[i], n);
	return CNN_OK;
}

static enum cnn_status list(const char *layer, const struct see_choice *choice,
                            struct see_picked *p, struct cnn_error *err)
{
	p->n = p->channels;
	if (choice->n_channel)
		p->n = choice->n_channel;
	else if (choice->top && choice->top < p->channels)
		p->n = choice->top;
	p->channel = calloc(p->n + 1, sizeof *p->channel);
	struct see_stats *ordered = calloc(p->channels + 1, sizeof *ordered);
	if (!p->channel || !ordered) {
		free(ordered);
		return cnn_fail_memory(err, layer, p->channels * sizeof *ordered);
	}
	memcpy(ordered, p->stats, p->channels * sizeof *ordered);
	if (choice->top)
		see_order(ordered, p->channels);
	for (size_t i = 0; i < p->n; i++)
		p->channel[i] = choice->n_channel ? choice->channel[i] : ordered[i].channel;
	free(ordered);
	return CNN_OK;
}

enum cnn_status pick_room(const char *layer, const char *what, const struct see_choice *choice,
                          struct see_picked *p, struct cnn_error *err)
{
	enum cnn_status status = list(layer, choice, p, err);
	size_t floats, bytes;
	if (status)
		return status;
	bool fits = !__builtin_mul_overflow(p->n, p->height * p->width, &floats) &&
	            !__builtin_mul_overflow(floats, sizeof(float), &bytes);
	if (!fits || (choice->max_bytes && bytes > choice->max_bytes))
		return cnn_fail(err, CNN_BAD_ARG,
		                "layer '%s': %zu %ss of %zu x %zu numbers are more than %zu bytes; "
		                "choose some of them",
		                layer, p->n, what, p->height, p->width, choice->max_bytes);
	p->maps = malloc(bytes ? bytes : 1);
	return p->maps ? CNN_OK : cnn_fail_memory(err, layer, bytes);
}

struct picking {
	const char *layer;
	const struct see_choice *choice;
	struct see_picked *out;
	enum cnn_status status;
	struct cnn_error *err;
};

static enum cnn_status keep(struct picking *p, const struct see_maps *maps)
{
	struct see_picked *out = p->out;
	*out = (struct see_picked){
		.layer = maps->layer,
		.channels = maps->channels,
		.height = maps->height,
		.width = maps->width,
		.dtype = maps->dtype,
		.quantised = maps->quantised,
		.stats = calloc(maps->channels + 1, sizeof *out->stats),
	};
	if (!out->stats)
		return cnn_fail_memory(p->err, p->layer, maps->channels * sizeof *out->stats);
	see_stats(maps, out->stats);
	enum cnn_status status = pick_room(p->layer, "map", p->choice, out, p->err);
	if (!status)
		see_copy(maps, out->channel, out->n, out->maps);
	return status;
}

static bool on_layer(void *ctx, const struct see_maps *maps)
{
	struct picking *p = ctx;
	p->status = keep(p, maps);
	return false;
}

/* Before anything runs. */
static enum cnn_status check(const struct see *see, size_t layer, const struct see_choice *choice,
                             struct cnn_error *err)
{
	const char *name = see->model->layer[layer].name;
	if (see->row[layer].step == UINT32_MAX)
		return cnn_fail(err, CNN_UNSUPPORTED, "layer '%s': its output cannot be seen",
		                name);
	struct see_maps maps = {0};
	see_shape(&see->model->graph->value[see->row[layer].value], &maps);
	return pick_check(name, "channel", maps.channels, choice, err);
}

enum cnn_status see_pick(struct see *see, const struct cnn_item *item, size_t layer,
                         const struct see_choice *choice, struct see_picked *out,
                         struct cnn_error *err)
{
	*out = (struct see_picked){0};
	if (layer >= see->n)
		return cnn_fail(err, CNN_BAD_ARG, "model '%s' has %zu layers",
		                see->model->info.name, see->n);
	enum cnn_status status = check(see, layer, choice, err);
	bool *wanted = status ? NULL : calloc(see->n, sizeof *wanted);
	if (!wanted)
		return status ? status : cnn_fail_memory(err, "the layers", see->n);
	wanted[layer] = true;
	struct picking p = {see->model->layer[layer].name, choice, out, CNN_OK, err};
	struct see_watch watch = {on_layer, &p, wanted};
	status = see_run(see, item, NULL, &watch, err);
	free(wanted);
	if (!status)
		status = p.status;
	if (status)
		see_picked_clear(out);
	return status;
}

void see_picked_clear(struct see_picked *picked)
{
	if (!picked)
		return;
	free(picked->stats);
	free(picked->channel);
	free(picked->maps);
	*picked = (struct see_picked){0};
}
