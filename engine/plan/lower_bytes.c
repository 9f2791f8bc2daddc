/* Bytes from one layout into the other: a transposition of channels and pixels, picture by picture. */
#include "engine/kernels/bytes.h"
#include "engine/plan/lower.h"

struct turn_args {
	struct ref x, y;
	size_t pictures, rows, columns; /* of the input's matrices */
};

static void run_turn(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct turn_args *a = step->args;
	size_t size = a->rows * a->columns;
	for (size_t i = first; i < first + n; i++) {
		const uint8_t *x = (const uint8_t *)ref_at(run, &a->x, i);
		uint8_t *y = (uint8_t *)ref_at(run, &a->y, i);
		for (size_t k = 0; k < a->pictures; k++)
			transpose_bytes(a->rows, a->columns, x + k * size, y + k * size);
	}
}

enum cnn_status lower_layout_bytes(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0);
	struct turn_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	size_t channels = (size_t)x->dim[1], pixels = 1;
	for (int32_t i = 2; i < x->rank; i++)
		pixels *= (size_t)x->dim[i];
	bool last = x->layout == LAYOUT_CHANNELS_LAST;
	a->pictures = (size_t)x->dim[0];
	a->rows = last ? pixels : channels;
	a->columns = last ? channels : pixels;
	enum cnn_status status = lower_step(l, run_turn, a, "copy layout", n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
