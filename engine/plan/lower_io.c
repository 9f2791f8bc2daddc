/* The first steps (pixels or tensors into the graph's inputs) and the last (its outputs into the caller's memory). */
#include "engine/kernels/pixels.h"
#include "engine/plan/move.h"

#include <math.h>
#include <string.h>

struct input_args {
	struct ref y;
	size_t index, bytes; /* which of the graph's inputs; its bytes for one picture */
	bool takes_pixels;
	enum cnn_dtype dtype;
	struct pixel_input pixels;
	int64_t y_stride, x_stride, c_stride; /* of the input value, elements */
	bool channels_together;               /* a row of pixels is a row of floats */
	float *scale_row, *shift_row;         /* [width * channels] */
	struct move move;                     /* of a float32 tensor in ONNX's order */
};

/* The same for an input of bytes, in ONNX's order: what rounds to them is clamped. */
static void normalise_u8(const struct input_args *a, const uint8_t *px, uint8_t *y)
{
	const struct pixel_input *in = &a->pixels;
	for (int64_t row = 0; row < in->height; row++)
		for (int64_t x = 0; x < in->width; x++, px += in->channels)
			for (int32_t c = 0; c < in->channels; c++) {
				float v = (float)px[in->source[c]] * in->scale[c] + in->shift[c];
				v = v > 255 ? 255 : v > 0 ? v : 0;
				y[row * a->y_stride + x * a->x_stride + c * a->c_stride] =
					(uint8_t)lrintf(v);
			}
}

static void normalise(const struct input_args *a, const uint8_t *px, float *y)
{
	const struct pixel_input *in = &a->pixels;
	size_t n = (size_t)in->width * (size_t)in->channels;
	bool reversed = in->source[0] != 0;
	for (int32_t row = 0; row < in->height; row++, px += n) {
		float *to = y + row * a->y_stride;
		if (a->channels_together && !reversed)
			pixels_f32(n, px, a->scale_row, a->shift_row, to);
		else if (a->channels_together)
			pixels_reversed_f32(n, px, a->scale_row, a->shift_row, to);
		else
			for (size_t i = 0; i < n; i++) {
				size_t c = i % (size_t)in->channels, x = i / (size_t)in->channels;
				float value =
					(float)px[x * (size_t)in->channels + (size_t)in->source[c]];
				to[(int64_t)x * a->x_stride + (int64_t)c * a->c_stride] =
					value * in->scale[c] + in->shift[c];
			}
	}
}

/* Picture i's tensor; NULL: it has pixels. */
static const char *tensor_of(const struct input_args *a, const struct run *run, size_t i)
{
	if (run->pixels && run->pixels[i] && a->takes_pixels)
		return NULL;
	if (run->tensor)
		return run->tensor[i];
	return (const char *)run->input[a->index] + i * a->bytes;
}

static void run_input(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct input_args *a = step->args;
	for (size_t i = first; i < first + n; i++) {
		float *y = ref_at(run, &a->y, i);
		const char *x = tensor_of(a, run, i);
		if (!x && a->dtype == CNN_U8)
			normalise_u8(a, run->pixels[i], (uint8_t *)y);
		else if (!x)
			normalise(a, run->pixels[i], y);
		else if (a->dtype == CNN_F32)
			move_run(&a->move, x, y);
		else
			memcpy(y, x, a->bytes);
	}
}

enum cnn_status lower_input(struct lowering *l, size_t index, struct cnn_error *err)
{
	const struct node *quantise = input_quantised_at_once(l, index);
	if (quantise)
		return lower_input_bytes(l, index, quantise, err);
	value_id v = l->g->input[index];
	const struct value *value = &l->g->value[v];
	struct input_args *a = lower_alloc(l, 1, sizeof *a);
	struct value plain = *value;
	int64_t stride[CNN_MAX_RANK];
	plain.layout = LAYOUT_PLAIN;
	move_strides(&plain, stride);
	if (!a || !move_new(l, value, stride, &a->move))
		return cnn_fail_memory(err, "the input's plan", sizeof *a);
	move_finish(&a->move);
	a->index = index;
	a->bytes = graph_value_bytes(value);
	a->dtype = value->dtype;
	a->takes_pixels = index == 0 && l->options->pixels;
	if (a->takes_pixels) {
		a->pixels = *l->options->pixels;
		bool innermost = a->pixels.channels_innermost;
		a->c_stride = physical_stride(value, innermost ? 3 : 1);
		a->y_stride = physical_stride(value, innermost ? 1 : 2);
		a->x_stride = physical_stride(value, innermost ? 2 : 3);
		a->channels_together = a->c_stride == 1 && a->x_stride == a->pixels.channels;
		size_t n = (size_t)a->pixels.width * (size_t)a->pixels.channels;
		a->scale_row = lower_alloc(l, n, sizeof(float));
		a->shift_row = lower_alloc(l, n, sizeof(float));
		if (!a->scale_row || !a->shift_row)
			return cnn_fail_memory(err, "the input's plan", n * sizeof(float));
		for (size_t i = 0; i < n; i++) {
			a->scale_row[i] = a->pixels.scale[i % (size_t)a->pixels.channels];
			a->shift_row[i] = a->pixels.shift[i % (size_t)a->pixels.channels];
		}
	}
	enum cnn_status status = lower_step(l, run_input, a, "input", NULL, v, 0, err);
	return status ? status : lower_write(l, v, &a->y, err);
}

struct output_args {
	const struct kernels *k;
	struct ref x;
	size_t index;
	enum cnn_dtype dtype;
	struct move move;
	size_t elements, bytes;
	enum output_activation activation;
};

static void run_output(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct output_args *a = step->args;
	for (size_t i = first; i < first + n; i++) {
		float *y = (float *)(void *)((char *)run->output[a->index] + i * a->bytes);
		if (a->dtype != CNN_F32) {
			memcpy(y, ref_at(run, &a->x, i), a->bytes);
			continue;
		}
		move_run(&a->move, ref_at(run, &a->x, i), y);
		if (run->raw_output || (run->raw && run->raw[i]))
			continue;
		if (a->activation == OUTPUT_SOFTMAX)
			a->k->softmax_f32(a->elements, 1, y, y, false);
		else if (a->activation == OUTPUT_SIGMOID)
			a->k->unary_f32(UNARY_SIGMOID, a->elements, y, 0, 0, y);
	}
}

enum cnn_status lower_output(struct lowering *l, size_t index, struct cnn_error *err)
{
	value_id v = l->g->output[index];
	const struct value *value = &l->g->value[v];
	struct output_args *a = lower_alloc(l, 1, sizeof *a);
	struct value plain = *value;
	int64_t stride[CNN_MAX_RANK];
	plain.layout = LAYOUT_PLAIN;
	move_strides(value, stride);
	if (!a || !move_new(l, &plain, stride, &a->move))
		return cnn_fail_memory(err, "the output's plan", sizeof *a);
	move_finish(&a->move);
	a->k = l->k;
	a->index = index;
	a->dtype = value->dtype;
	a->elements = (size_t)graph_elements(value);
	a->bytes = graph_value_bytes(value);
	a->activation = index == 0 ? l->options->activation : OUTPUT_NONE;
	enum cnn_status status = lower_step(l, run_output, a, "output", NULL, NO_VALUE, 0, err);
	return status ? status : lower_read(l, v, &a->x, err);
}
