/* Maps to keep: one layer's, of chosen channels. */
#include "engine/see/viewer.h"

#include <stdlib.h>
#include <string.h>

struct picking {
	const struct see *see;
	const struct see_choice *choice;
	struct see_picked *out;
	enum cnn_status status;
	struct cnn_error *err;
};

/* The choice as a list: p->channel[p->n], room for all is there. */
static void choose(const struct see_choice *choice, struct see_picked *p, struct see_stats *ordered)
{
	p->n = choice->n_channel                          ? choice->n_channel
	       : choice->top && choice->top < p->channels ? choice->top
	                                                  : p->channels;
	if (choice->n_channel) {
		memcpy(p->channel, choice->channel, p->n * sizeof *p->channel);
		return;
	}
	if (choice->top) {
		memcpy(ordered, p->stats, p->channels * sizeof *ordered);
		see_order(ordered, p->channels);
	}
	for (size_t i = 0; i < p->n; i++)
		p->channel[i] = choice->top ? ordered[i].channel : (uint32_t)i;
}

static enum cnn_status keep(struct picking *p, const struct see_maps *maps)
{
	struct see_picked *out = p->out;
	const char *name = p->see->model->layer[maps->layer].name;
	size_t most = p->choice->n_channel > maps->channels ? p->choice->n_channel : maps->channels;
	*out = (struct see_picked){
		.layer = maps->layer,
		.channels = maps->channels,
		.height = maps->height,
		.width = maps->width,
		.dtype = maps->dtype,
		.quantised = maps->quantised,
	};
	struct see_stats *ordered = calloc(maps->channels + 1, sizeof *ordered);
	out->stats = calloc(maps->channels + 1, sizeof *out->stats);
	out->channel = calloc(most + 1, sizeof *out->channel);
	if (!ordered || !out->stats || !out->channel) {
		free(ordered);
		return cnn_fail_memory(p->err, name, most * sizeof *out->stats);
	}
	see_stats(maps, out->stats);
	choose(p->choice, out, ordered);
	free(ordered);
	size_t floats, bytes;
	bool fits = !__builtin_mul_overflow(out->n, maps->height * maps->width, &floats) &&
	            !__builtin_mul_overflow(floats, sizeof(float), &bytes);
	if (!fits || (p->choice->max_bytes && bytes > p->choice->max_bytes))
		return cnn_fail(p->err, CNN_BAD_ARG,
		                "layer '%s': %zu maps of %zu x %zu are more than %zu bytes; choose "
		                "fewer channels",
		                name, out->n, maps->height, maps->width, p->choice->max_bytes);
	out->maps = malloc(bytes ? bytes : 1);
	if (!out->maps)
		return cnn_fail_memory(p->err, name, bytes);
	see_copy(maps, out->channel, out->n, out->maps);
	return CNN_OK;
}

static bool on_layer(void *ctx, const struct see_maps *maps)
{
	struct picking *p = ctx;
	p->status = keep(p, maps);
	return false;
}

/* Before anything runs: channels that the layer does not have. */
static enum cnn_status check(const struct see *see, size_t layer, const struct see_choice *choice,
                             struct cnn_error *err)
{
	const char *name = see->model->layer[layer].name;
	if (see->row[layer].step == UINT32_MAX)
		return cnn_fail(err, CNN_UNSUPPORTED, "layer '%s': its output cannot be seen",
		                name);
	struct see_maps maps = {0};
	see_shape(&see->model->graph->value[see->row[layer].value], &maps);
	for (size_t i = 0; i < choice->n_channel; i++)
		if (choice->channel[i] >= maps.channels)
			return cnn_fail(err, CNN_BAD_ARG,
			                "layer '%s' has no channel %u; it has %zu, from 0 on", name,
			                choice->channel[i], maps.channels);
	return CNN_OK;
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
	struct picking p = {.see = see, .choice = choice, .out = out, .err = err};
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
