#include "engine/run/recognise.h"

#include "engine/graph/resolve.h"

#include <math.h>
#include <string.h>

/* A normalisation is two nodes or three, with views between them. */
#define MAX_STEPS 16

/* What the graph has done to its input so far: channel c of the picture is now x * a[c] + b[c]. */
struct start {
	const struct graph *g;
	value_id at;
	int32_t channels, axis; /* which axis of `at` they lie along */
	bool reversed;          /* the last channel comes first */
	bool calculates;        /* something was added or multiplied */
	enum op next;           /* what comes after it */
	double a[3], b[3];
};

/* The one node that takes value v; NULL when there are several, or it is an output too. */
static const struct node *only_user(const struct graph *g, value_id v)
{
	if (graph_count_uses(g, v) != 1)
		return NULL;
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			if (n->in[k] == v)
				return n;
	}
	return NULL;
}

/* A constant's number for each channel as they lie now; false when it is not a number for each channel, or one. */
static bool read_constant(const struct start *s, const struct value *v, int32_t axis, double out[3])
{
	int32_t rank = s->g->value[s->at].rank;
	if (!v || !v->data || v->dtype != CNN_F32 || v->rank > rank)
		return false;
	int32_t at = axis - (rank - v->rank);
	int64_t n = graph_elements(v);
	if (n != 1 && (n != s->channels || at < 0 || v->dim[at] != n))
		return false;
	for (int32_t c = 0; c < s->channels; c++)
		out[c] = (double)((const float *)v->data)[n == 1 ? 0 : c];
	return true;
}

/* x * by[c] + plus[c], on the channels as they lie now. */
static void apply(struct start *s, const double by[3], const double plus[3])
{
	s->calculates = true;
	for (int32_t c = 0; c < s->channels; c++) {
		int32_t of = s->reversed ? s->channels - 1 - c : c;
		s->a[of] *= by[c];
		s->b[of] = s->b[of] * by[c] + plus[c];
	}
}

static bool take_arithmetic(struct start *s, const struct node *n)
{
	bool first = n->in[0] == s->at; /* x - c, not c - x */
	double c[3], by[3] = {1, 1, 1}, plus[3] = {0, 0, 0};
	if (!read_constant(s, graph_in(s->g, n, first ? 1 : 0), s->axis, c))
		return false;
	if (n->op == OP_DIV && !first)
		return false;
	for (int i = 0; i < s->channels; i++) {
		if (n->op == OP_MUL)
			by[i] = c[i];
		else if (n->op == OP_DIV)
			by[i] = 1 / c[i];
		else if (n->op == OP_ADD || !first)
			plus[i] = c[i];
		else
			plus[i] = -c[i];
		if (n->op == OP_SUB && !first)
			by[i] = -1;
	}
	apply(s, by, plus);
	return true;
}

static bool take_batch_norm(struct start *s, const struct node *n)
{
	double v[4][3], by[3], plus[3]; /* scale, shift, mean, variance */
	if (n->in[0] != s->at || s->axis != 1)
		return false;
	for (uint32_t k = 0; k < 4; k++) {
		const struct value *input = graph_in(s->g, n, k + 1);
		if (!input || input->rank != 1 ||
		    !read_constant(s, input, s->g->value[s->at].rank - 1, v[k]))
			return false;
	}
	for (int i = 0; i < s->channels; i++) {
		by[i] = v[0][i] / sqrt(v[3][i] + (double)n->attr.norm.epsilon);
		plus[i] = v[1][i] - v[2][i] * by[i];
	}
	apply(s, by, plus);
	return true;
}

static bool take_transpose(struct start *s, const struct node *n)
{
	int32_t rank = s->g->value[s->at].rank, axis = rank - 1 - s->axis;
	for (int32_t i = 0; i < n->attr.perm.n; i++)
		if (n->attr.perm.perm[i] == s->axis)
			axis = i;
	s->axis = axis;
	return true;
}

/* RGB to BGR, as x[..., ::-1]. */
static bool take_slice(struct start *s, const struct node *n)
{
	struct slice_range range[CNN_MAX_RANK];
	struct cnn_error err;
	const struct value *in = &s->g->value[s->at];
	if (n->in[0] != s->at || resolve_slice(s->g, n, range, &err) != CNN_OK)
		return false;
	for (int32_t i = 0; i < in->rank; i++)
		if (range[i].count != in->dim[i])
			return false;
	s->reversed ^= s->channels > 1 && range[s->axis].step < 0;
	return true;
}

/* The same as a list of channels. */
static bool take_gather(struct start *s, const struct node *n)
{
	const struct value *in = &s->g->value[s->at], *list = graph_in(s->g, n, 1);
	int64_t axis = n->attr.axes.axis < 0 ? n->attr.axes.axis + in->rank : n->attr.axes.axis;
	if (n->in[0] != s->at || !list || !list->data || list->rank != 1 || axis != s->axis ||
	    list->dim[0] != 3 || s->channels != 3)
		return false;
	for (int64_t i = 0; i < 3; i++)
		if (resolve_int(list, i) != 2 - i)
			return false;
	s->reversed = !s->reversed;
	return true;
}

static bool take_node(struct start *s, const struct node *n)
{
	switch (n->op) {
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_DIV:
		return take_arithmetic(s, n);
	case OP_BATCH_NORM:
		return take_batch_norm(s, n);
	case OP_TRANSPOSE:
		return take_transpose(s, n);
	case OP_SLICE:
		return take_slice(s, n);
	case OP_GATHER:
		return take_gather(s, n);
	case OP_CAST:
		return n->attr.cast_to == CNN_F32;
	case OP_IDENTITY:
		return true;
	default:
		return false;
	}
}

static struct start follow(const struct graph *g)
{
	const struct value *input = &g->value[g->input[0]];
	struct start s = {.g = g, .at = g->input[0], .axis = input_channel_axis(input)};
	s.channels = s.axis ? (int32_t)input->dim[s.axis] : 0;
	s.next = OP_COUNT;
	for (int i = 0; i < 3; i++)
		s.a[i] = 1;
	for (int steps = 0; steps < MAX_STEPS && s.axis; steps++) {
		const struct node *n = only_user(g, s.at);
		s.next = n ? n->op : OP_COUNT;
		if (!n || !take_node(&s, n))
			break;
		s.at = n->out[0];
	}
	return s;
}

/* --- what that is for ------------------------------------------------------------------------ */

static bool near(double x, double want, double by)
{
	return fabs(x - want) <= by;
}

/* Do pixels of 0..255 become numbers of a network's size, or Caffe's: a mean is subtracted, no more? */
static bool fits_bytes(const struct start *s)
{
	for (int32_t c = 0; c < s->channels; c++) {
		double a = s->a[c], b = s->b[c], span = 255 * a;
		bool small = span >= 0.9 && span <= 6 && b >= -3.5 && b <= 0.6;
		bool centred = a >= 0.9 && a <= 1.1 && b >= -140 && b <= -90;
		if (!small && !centred)
			return false;
	}
	return true;
}

/* Are 0..1 what ImageNet's mean and deviation are for, or what becomes -1..1? `turned`: blue comes first. */
static bool fits_unit(const struct start *s, bool turned)
{
	static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
	bool imagenet = s->channels == 3, symmetric = true;
	for (int32_t c = 0; c < s->channels; c++) {
		int32_t of = turned ? 2 - c : c;
		imagenet &= near(-s->b[c] / s->a[c], mean[of], 0.005) &&
		            near(1 / s->a[c], std[of], 0.005);
		symmetric &= near(s->a[c], 2, 0.001) && near(s->b[c], -1, 0.001);
	}
	return imagenet || symmetric;
}

/* Is the mean that is subtracted ImageNet's, from blue to red? */
static bool blue_first(const struct start *s)
{
	static const double bgr[3] = {103.7, 116.5,
	                              123.7}; /* Caffe's and 255 times torchvision's */
	bool bytes = true, unit = true;
	for (int32_t c = 0; c < s->channels; c++) {
		double mean = -s->b[c] / s->a[c];
		bytes &= near(mean, bgr[c], 1.5);
		unit &= near(mean * 255, bgr[c], 1.5);
	}
	return s->channels == 3 && (bytes || unit);
}

/* value = pixel * scale - shift */
static void set_values(struct description *d, double scale, double shift)
{
	d->has_scale = d->has_mean = d->has_std = true;
	d->scale = scale;
	d->n_mean = d->n_std = 1;
	for (int i = 0; i < 3; i++) {
		d->mean[i] = shift;
		d->std[i] = 1;
	}
	d->values_by = "the graph";
}

static bool by_tensorflow(const char *producer)
{
	return strncmp(producer, "tf2onnx", 7) == 0 || strncmp(producer, "keras2onnx", 10) == 0;
}

void recognise_values(const struct graph *g, const char *producer, struct description *d,
                      struct assumptions *assumed)
{
	struct start s = follow(g);
	bool convolves = s.next == OP_CONV || s.next == OP_PAD;
	bool nhwc = input_channel_axis(&g->value[g->input[0]]) == 3;
	if (!s.channels || d->values_by)
		return;
	if (s.calculates && fits_bytes(&s)) {
		set_values(d, 1, 0);
		assume(assumed, "scale, mean, std: pixels of 0..255 as they are; the graph "
		                "normalises these itself");
	} else if (s.calculates && (fits_unit(&s, false) || fits_unit(&s, true))) {
		set_values(d, 1.0 / 255, 0);
		assume(assumed, "scale, mean, std: pixels divided by 255; the graph normalises "
		                "these itself");
	} else if (!s.calculates && convolves && nhwc && s.channels == 3 &&
	           by_tensorflow(producer)) {
		set_values(d, 1 / 127.5, 1);
		assume(assumed,
		       "scale, mean, std: pixels become -1..1, Keras' convention, as %s wrote the "
		       "file and the graph does not normalise",
		       producer);
	}
	if (d->values_by && s.calculates && !d->channels_by && blue_first(&s)) {
		d->has_channels = true;
		d->channels = CNN_CHANNELS_BGR;
		d->channels_by = "the graph";
		assume(assumed, "channels: BGR, by the mean that the graph subtracts");
	}
}
