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

/* Which axis of a rank 4 input holds the channels, 1 or 3; 0 when neither can. */
static int32_t channel_axis(const struct value *v)
{
	if (v->rank != 4)
		return 0;
	if (v->dim[1] == 3 || v->dim[1] == 1)
		return 1;
	return v->dim[3] == 3 || v->dim[3] == 1 ? 3 : 0;
}

enum cnn_status input_decide(struct graph *g, const struct description *d, const char *json,
                             struct assumptions *assumed, struct cnn_error *err)
{
	if (g->n_input != 1)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "%s: the graph has %zu inputs; convd feeds one", g->name,
		                g->n_input);
	struct value *v = &g->value[g->input[0]];
	bool bytes = v->dtype == CNN_U8 && channel_axis(v);
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
	int32_t channels = channel_axis(v);
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
			                "%s: \"%s\" is %d, but the graph's input has %lld", json,
			                i == y ? "height" : "width", said, (long long)v->dim[i]);
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

static enum cnn_status decide_fit(const struct description *d, const char *json,
                                  struct assumptions *assumed, struct image_fit *fit,
                                  struct cnn_error *err)
{
	int32_t shorter = fit->width < fit->height ? fit->width : fit->height;
	fit->crop = d->has_crop ? d->crop : IMAGE_CROP_CENTER;
	if (!d->has_crop)
		assume(assumed, "crop: center");
	if (fit->crop == IMAGE_CROP_NONE)
		return CNN_OK;
	/* 256 for 224, ImageNet's ratio; small networks (MNIST, CIFAR) see the whole picture */
	fit->resize_short = d->resize_short;
	if (!fit->resize_short) {
		fit->resize_short =
			shorter >= 96 ? (int32_t)lround(shorter * 256.0 / 224) : shorter;
		assume(assumed, "resize_short: %d", fit->resize_short);
	}
	if (fit->resize_short < shorter)
		return cnn_fail(
			err, CNN_BAD_MODEL,
			"%s: \"resize_short\" is %d, less than the input's shorter side of %d",
			json, fit->resize_short, shorter);
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
                                  const char *json, struct assumptions *assumed,
                                  bool *takes_pictures, struct cnn_preprocess *out,
                                  struct pixel_input *pixels, struct cnn_error *err)
{
	const struct value *v = &g->value[g->input[0]];
	int32_t axis = channel_axis(v), y = axis == 3 ? 1 : 2;
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
		                "%s: \"channels\" does not fit the graph's %d channels", json,
		                out->fit.channels);
	if (gray && (d->n_mean > 1 || d->n_std > 1))
		return cnn_fail(err, CNN_BAD_MODEL,
		                "%s: \"mean\" and \"std\" need one number for one channel", json);
	enum cnn_status status = decide_fit(d, json, assumed, &out->fit, err);
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

enum cnn_output_activation activation_decide(const struct graph *g, const struct description *d,
                                             struct assumptions *assumed)
{
	if (d->has_activation)
		return d->activation;
	node_id id = g->value[g->output[0]].producer;
	while (id != NO_NODE) {
		const struct node *n = &g->node[id];
		if (n->op == OP_SOFTMAX) {
			assume(assumed,
			       "output: the graph ends in a softmax; probabilities as they are");
			return CNN_OUTPUT_NONE;
		}
		if (n->op != OP_IDENTITY && n->op != OP_DROPOUT && n->op != OP_RESHAPE &&
		    n->op != OP_FLATTEN && n->op != OP_SQUEEZE && n->op != OP_UNSQUEEZE)
			break;
		id = g->value[n->in[0]].producer;
	}
	assume(assumed, "output: a softmax turns it into probabilities");
	return CNN_OUTPUT_SOFTMAX;
}
