/* How a picture becomes the network's input: from the graph, model.json, or ImageNet's convention. */
#include "engine/run/model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define DEFAULT_SIDE 224

void assume(struct assumptions *a, const char *fmt, ...)
{
	if (a->n == MAX_ASSUMED)
		return;
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	const char *copy = arena_strdup(a->arena, text);
	if (copy)
		a->text[a->n++] = copy;
}

int32_t input_channel_axis(const struct value *v)
{
	if (v->rank != 4)
		return 0;
	if (v->dim[1] == 3 || v->dim[1] == 1)
		return 1;
	return v->dim[3] == 3 || v->dim[3] == 1 ? 3 : 0;
}

/* Of the weights that a convolution lays over the input; 0 when none does. */
static int64_t channels_of_weights(const struct graph *g)
{
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		if (n->dead || n->op != OP_CONV || n->in[0] != g->input[0])
			continue;
		const struct value *w = graph_in(g, n, 1);
		return w && w->data && w->rank == 4 ? w->dim[1] * n->attr.window.group : 0;
	}
	return 0;
}

void input_channels_decide(struct graph *g, const struct description *d,
                           struct assumptions *assumed)
{
	struct value *v = &g->value[g->input[0]];
	if (v->rank != 4 || v->dim[1] >= 0 || input_channel_axis(v))
		return;
	int64_t channels = d->input_channels ? d->input_channels : channels_of_weights(g);
	if (channels != 1 && channels != 3)
		return;
	v->dim[1] = channels;
	assume(assumed, "the graph leaves the input's channels open: %d", (int)channels);
}

enum cnn_status input_decide(struct graph *g, const struct description *d,
                             struct assumptions *assumed, struct cnn_error *err)
{
	if (g->n_input != 1)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "%s: the graph has %zu inputs; convd feeds one", g->name,
		                g->n_input);
	struct value *v = &g->value[g->input[0]];
	bool bytes = v->dtype == CNN_U8 && input_channel_axis(v);
	if (v->dtype != CNN_F32 && !bytes)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "%s: input '%s' is %s; convd feeds float32, or pictures as uint8",
		                g->name, v->name, cnn_dtype_name(v->dtype));
	if (v->rank < 1)
		return cnn_fail(err, CNN_UNSUPPORTED, "%s: input '%s' is a single number", g->name,
		                v->name);
	if (v->dim[0] > 1)
		assume(assumed, "the graph's fixed batch of %lld is run as batches of any size",
		       (long long)v->dim[0]);
	v->dim[0] = 1;
	int32_t channels = input_channel_axis(v);
	int32_t y = channels == 3 ? 1 : 2;
	for (int32_t i = 1; i < v->rank; i++) {
		bool side = channels && (i == y || i == y + 1);
		int32_t said = i == y ? d->height : d->width;
		if (v->dim[i] < 0 && side && said) {
			v->dim[i] = said;
		} else if (v->dim[i] < 0 && side) {
			v->dim[i] = DEFAULT_SIDE;
			assume(assumed, "the graph leaves the input's %s open: %d pixels",
			       i == y ? "height" : "width", DEFAULT_SIDE);
		} else if (v->dim[i] < 0) {
			return cnn_fail(err, CNN_UNSUPPORTED, "%s: input '%s' leaves axis %d open",
			                g->name, v->name, i);
		} else if (side && said && v->dim[i] != said) {
			return cnn_fail(err, CNN_BAD_MODEL,
			                "%s: the %s is %d, but the graph's input has %lld",
			                d->size_by, i == y ? "height" : "width", said,
			                (long long)v->dim[i]);
		}
		if (v->dim[i] < 1)
			return cnn_fail(err, CNN_BAD_MODEL, "%s: input '%s' is empty", g->name,
			                v->name);
	}
	if (!graph_dims_valid(v->rank, v->dim))
		return cnn_fail(err, CNN_BAD_MODEL, "%s: input '%s' is too large", g->name,
		                v->name);
	v->shaped = true;
	return CNN_OK;
}

static enum cnn_status decide_fit(const struct description *d, struct assumptions *assumed,
                                  struct image_fit *fit, struct cnn_error *err)
{
	int32_t shorter = fit->width < fit->height ? fit->width : fit->height;
	fit->crop = d->has_crop ? d->crop : IMAGE_CROP_CENTER;
	if (!d->has_crop)
		assume(assumed, "crop: center");
	if (fit->crop == IMAGE_CROP_NONE)
		return CNN_OK;
	/* 256 for 224, ImageNet's ratio; small networks (MNIST, CIFAR) see the whole picture */
	fit->resize_short = d->resize_to_input ? shorter : d->resize_short;
	if (!fit->resize_short) {
		fit->resize_short =
			shorter >= 96 ? (int32_t)lround(shorter * 256.0 / 224) : shorter;
		assume(assumed, "resize_short: %d", fit->resize_short);
	}
	if (fit->resize_short < shorter)
		return cnn_fail(
			err, CNN_BAD_MODEL,
			"%s: pictures are resized to a shorter side of %d, less than the input's "
			"%d",
			d->fit_by, fit->resize_short, shorter);
	return CNN_OK;
}

static void decide_values(const struct description *d, struct assumptions *assumed,
                          struct cnn_preprocess *p)
{
	static const double imagenet_mean[3] = {0.485, 0.456, 0.406};
	static const double imagenet_std[3] = {0.229, 0.224, 0.225};
	bool gray = p->channels == CNN_CHANNELS_L;
	p->scale = d->has_scale ? d->scale : 1.0 / 255;
	if (!d->has_scale)
		assume(assumed, "scale: pixels are divided by 255");
	for (int i = 0; i < 3; i++) {
		p->mean[i] = d->has_mean ? d->mean[i] : gray ? 0 : imagenet_mean[i];
		p->std[i] = d->has_std ? d->std[i] : gray ? 1 : imagenet_std[i];
	}
	if (!d->has_mean)
		assume(assumed, gray ? "mean: 0" : "mean: ImageNet's 0.485, 0.456, 0.406");
	if (!d->has_std)
		assume(assumed, gray ? "std: 1" : "std: ImageNet's 0.229, 0.224, 0.225");
}

enum cnn_status preprocess_decide(const struct graph *g, const struct description *d,
                                  struct assumptions *assumed, bool *takes_pictures,
                                  struct cnn_preprocess *out, struct pixel_input *pixels,
                                  struct cnn_error *err)
{
	const struct value *v = &g->value[g->input[0]];
	int32_t axis = input_channel_axis(v), y = axis == 3 ? 1 : 2;
	*takes_pictures = axis != 0;
	*out = (struct cnn_preprocess){0};
	if (!axis)
		return CNN_OK;
	if (v->dim[y] > 16384 || v->dim[y + 1] > 16384)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "%s: input '%s' is larger than 16384 pixels a side", g->name,
		                v->name);
	out->fit.height = (int32_t)v->dim[y];
	out->fit.width = (int32_t)v->dim[y + 1];
	out->fit.channels = (int32_t)v->dim[axis];
	bool gray = out->fit.channels == 1;
	out->channels = d->has_channels ? d->channels : gray ? CNN_CHANNELS_L : CNN_CHANNELS_RGB;
	if (!d->has_channels)
		assume(assumed, "channels: %s", gray ? "L" : "RGB");
	if ((out->channels == CNN_CHANNELS_L) != gray)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "%s: the order of channels does not fit the graph's %d channels",
		                d->channels_by, out->fit.channels);
	if (gray && (d->n_mean > 1 || d->n_std > 1))
		return cnn_fail(err, CNN_BAD_MODEL,
		                "%s: mean and std need one number for one channel", d->values_by);
	enum cnn_status status = decide_fit(d, assumed, &out->fit, err);
	if (status)
		return status;
	decide_values(d, assumed, out);
	*pixels = (struct pixel_input){
		.width = out->fit.width,
		.height = out->fit.height,
		.channels = out->fit.channels,
		.channels_innermost = axis == 3,
	};
	for (int32_t c = 0; c < pixels->channels; c++) {
		pixels->source[c] = out->channels == CNN_CHANNELS_BGR ? 2 - c : c;
		pixels->scale[c] = (float)(out->scale / out->std[c]);
		pixels->shift[c] = (float)(-out->mean[c] / out->std[c]);
	}
	return CNN_OK;
}
