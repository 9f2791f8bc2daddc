/* Filters to keep, and what they look like. */
#include "engine/see/layout.h"
#include "engine/see/mosaic.h"
#include "engine/see/pick.h"
#include "engine/see/viewer.h"

#include <stdlib.h>
#include <string.h>

static enum cnn_status measure(const struct see *see, const struct see_filters *f,
                               struct see_picked *out, struct cnn_error *err)
{
	const char *name = see->model->layer[f->layer].name;
	size_t floats = out->height * out->width;
	float *filter = malloc((floats + 1) * sizeof *filter);
	out->stats = calloc(f->filters + 1, sizeof *out->stats);
	if (!filter || !out->stats) {
		free(filter);
		return cnn_fail_memory(err, name, floats * sizeof *filter);
	}
	struct see_maps maps = {
		.channels = 1,
		.height = out->height,
		.width = out->width,
		.data = filter,
		.channel_step = floats,
		.pixel_step = 1,
	};
	for (size_t k = 0; k < f->filters; k++) {
		see_filter_copy(see, f, k, filter);
		see_stats(&maps, &out->stats[k]);
		out->stats[k].channel = (uint32_t)k;
	}
	free(filter);
	return CNN_OK;
}

enum cnn_status see_pick_filters(const struct see *see, const struct see_filters *f,
                                 const struct see_choice *choice, struct see_picked *out,
                                 struct cnn_error *err)
{
	const char *name = see->model->layer[f->layer].name;
	*out = (struct see_picked){
		.layer = f->layer,
		.channels = f->filters,
		.height = f->slices * f->height,
		.width = f->width,
		.dtype = CNN_F32,
		.quantised = f->quantised,
	};
	enum cnn_status status = pick_check(name, "filter", f->filters, choice, err);
	if (!status)
		status = measure(see, f, out, err);
	if (!status)
		status = pick_room(name, "filter", choice, out, err);
	for (size_t i = 0; i < out->n && !status; i++)
		see_filter_copy(see, f, out->channel[i], out->maps + i * out->height * out->width);
	if (status)
		see_picked_clear(out);
	return status;
}

/* Operators that leave a picture's channels what they are. */
static bool keeps_channels(enum op op)
{
	switch (op) {
	case OP_LAYOUT:
	case OP_TRANSPOSE:
	case OP_QUANTIZE_LINEAR:
	case OP_DEQUANTIZE_LINEAR:
	case OP_CAST:
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_DIV:
	case OP_BATCH_NORM:
	case OP_PAD:
	case OP_IDENTITY:
	case OP_RESIZE:
		return true;
	default:
		return false;
	}
}

/* Does the layer read the picture itself? */
static bool reads_picture(const struct see *see, size_t layer)
{
	const struct graph *g = see->model->graph;
	value_id v = see->row[layer].value;
	bool first = true;
	while (v != NO_VALUE && v != g->input[0]) {
		node_id id = g->value[v].producer;
		const struct node *n = id == NO_NODE ? NULL : &g->node[id];
		if (!n || n->n_in == 0 || (!first && !keeps_channels(n->op)))
			return false;
		first = false;
		v = n->in[0];
	}
	return v != NO_VALUE;
}

enum see_filter_form see_filter_form(const struct see *see, const struct see_filters *f)
{
	if (f->slices == 1)
		return SEE_FILTERS_SINGLE;
	bool colour = f->slices == 3 && f->groups == 1 && !f->transposed &&
	              f->height * f->width > 1 && see->model->info.takes_pictures &&
	              reads_picture(see, f->layer);
	return colour ? SEE_FILTERS_COLOUR : SEE_FILTERS_SLICES;
}

/* A copy of the planes in the order of red, green, blue. */
static float *turned(const struct see_picked *p)
{
	size_t plane = p->height / 3 * p->width;
	float *out = malloc((p->n * plane * 3 + 1) * sizeof *out);
	for (size_t i = 0; out && i < p->n * 3; i++)
		memcpy(out + i * plane, p->maps + (i / 3 * 3 + 2 - i % 3) * plane,
		       plane * sizeof *out);
	return out;
}

static enum cnn_status in_colour(const struct see *see, const struct see_picked *p,
                                 const struct see_look *look, struct image *out,
                                 struct see_layout *layout, struct cnn_error *err)
{
	bool bgr = see->model->info.preprocess.channels == CNN_CHANNELS_BGR;
	float *copy = bgr ? turned(p) : NULL;
	if (bgr && !copy)
		return cnn_fail_memory(err, "the filters", p->n * p->height * p->width);
	enum cnn_status status = see_mosaic(copy ? copy : p->maps, p->n, p->height / 3, p->width,
	                                    SEE_RGB, look, out, layout, err);
	free(copy);
	return status;
}

/* A row for each filter; without lines between the tiles where these are single numbers, or many. */
static enum cnn_status in_slices(const struct see_filters *f, const struct see_picked *p,
                                 const struct see_look *look, struct image *out,
                                 struct see_layout *layout, struct cnn_error *err)
{
	struct see_look own = *look;
	struct mosaic m = {p->maps, p->n * f->slices, f->height, f->width, SEE_SIGNED, true};
	if (p->n > 1)
		own.columns = f->slices > INT32_MAX ? INT32_MAX : (int32_t)f->slices;
	int32_t gap = p->n == 1 || f->height * f->width > 1;
	layout_choose(m.n, m.height, m.width, gap, &own, layout);
	if (gap && layout->zoom < 2)
		layout_choose(m.n, m.height, m.width, 0, &own, layout);
	if (p->n > 1 && layout->columns != own.columns)
		return cnn_fail(err, CNN_BAD_ARG,
		                "a filter of %zu slices is too wide for one row; choose a single "
		                "filter",
		                f->slices);
	return mosaic_draw(&m, layout, out, err);
}

enum cnn_status see_filters_picture(const struct see *see, const struct see_filters *f,
                                    const struct see_picked *picked, const struct see_look *look,
                                    struct image *out, struct see_layout *layout,
                                    struct cnn_error *err)
{
	if (picked->n == 0 || f->slices * f->height * f->width == 0)
		return cnn_fail(err, CNN_BAD_ARG, "a picture of no filters");
	switch (see_filter_form(see, f)) {
	case SEE_FILTERS_COLOUR:
		return in_colour(see, picked, look, out, layout, err);
	case SEE_FILTERS_SINGLE:
		return see_mosaic(picked->maps, picked->n, f->height, f->width, SEE_SIGNED, look,
		                  out, layout, err);
	default:
		return in_slices(f, picked, look, out, layout, err);
	}
}
