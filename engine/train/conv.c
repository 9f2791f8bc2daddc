#include "engine/train/conv.h"

#include <math.h>
#include <string.h>

enum { Y, X };

static const struct epilogue nothing = {.lo = -INFINITY, .hi = INFINITY};

/* --- weights that changed -------------------------------------------------------------------------- */

/* b[tap][n][c] of one group for the gradient of the input: the kernel turned round, its channels swapped. */
static void turn_round(const struct conv *c, const struct phase *p, const float *w, float *b)
{
	const struct conv_shape *s = &c->s;
	size_t joined = p->kc / s->n;
	for (size_t t = 0; t < p->taps; t++)
		for (size_t j = 0; j < joined; j++) {
			size_t kx = (size_t)p->tap[t][X] - j;
			const float *tap = w + ((size_t)p->tap[t][Y] * (size_t)s->kernel[X] + kx) *
			                               s->c * s->n;
			for (size_t k = 0; k < s->n; k++)
				for (size_t i = 0; i < s->c; i++)
					*b++ = tap[i * s->n + k];
		}
}

static void prepare_depthwise(const struct conv *c, const float *w, bool backward)
{
	size_t channels = c->s.groups;
	for (size_t i = 0; backward && c->packed_back && i < c->n_phases; i++) {
		const struct phase *p = &c->phase[i];
		for (size_t t = 0; t < p->taps; t++) {
			size_t tap = (size_t)p->tap[t][Y] * (size_t)c->s.kernel[X] +
			             (size_t)p->tap[t][X];
			memcpy(c->packed_back + p->packed_at + t * channels, w + tap * channels,
			       channels * sizeof *w);
		}
	}
}

size_t conv_prepare_bytes(const struct conv *c)
{
	size_t group = c->weights / c->s.groups;
	return group * sizeof(float) * (c->winograd || c->winograd_back ? 5 : 1);
}

/* With Winograd the kernel's taps are 9 of [n][c], in order: the one phase's, turned round row by row. */
static void prepare_winograd_back(const struct network *net, const struct conv *c, const float *w,
                                  float *b)
{
	const struct conv_shape *s = &c->s;
	size_t pairs = s->c * s->n;
	for (size_t t = 0; t < 9; t++)
		for (size_t k = 0; k < s->n; k++)
			for (size_t i = 0; i < s->c; i++)
				b[t * pairs + k * s->c + i] = w[(8 - t) * pairs + i * s->n + k];
	grid_winograd_pack(net->k, s->n, s->c, b, b + 9 * pairs, c->packed_back);
}

void conv_prepare(const struct network *net, struct conv *c, char *scratch, bool backward)
{
	const struct gemm_f32 *gemm = &net->k->gemm_f32;
	const struct conv_shape *s = &c->s;
	const float *w = net->w + c->at;
	float *b = (float *)(void *)scratch;
	if (c->depthwise) {
		prepare_depthwise(c, w, backward);
		return;
	}
	size_t group = c->weights / s->groups, k = c->taps * c->kc;
	if (c->winograd)
		grid_winograd_pack(net->k, s->c, s->n, w, b, c->packed);
	for (size_t g = 0; g < s->groups && !c->winograd; g++)
		gemm_f32_pack(gemm, s->n, k, w + g * group, s->n, 1,
		              c->packed + g * gemm_f32_packed_size(gemm, s->n, k));
	if (!backward || !c->packed_back)
		return;
	if (c->winograd_back) {
		prepare_winograd_back(net, c, w, b);
		return;
	}
	for (size_t i = 0; i < c->n_phases; i++) {
		const struct phase *p = &c->phase[i];
		size_t depth = p->taps * p->kc;
		for (size_t g = 0; g < s->groups; g++) {
			turn_round(c, p, w + g * group, b);
			gemm_f32_pack(gemm, s->c, depth, b, s->c, 1,
			              c->packed_back + p->packed_at +
			                      g * gemm_f32_packed_size(gemm, s->c, depth));
		}
	}
}

/* --- scratch ---------------------------------------------------------------------------------------- */

static void *take(char **at, size_t bytes)
{
	void *taken = *at;
	*at += (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	return taken;
}

/* A thread's memory, cut as conv_plan.c counted it. */
struct room {
	float *x, *dz, *tiles;
	const float **ptr;
};

static struct room cut(const struct conv *c, char *scratch)
{
	struct room room;
	room.x = take(&scratch, c->x.needed ? c->together * c->x.picture * sizeof(float) : 0);
	room.dz = take(&scratch, c->dz.needed ? c->together * c->dz.picture * sizeof(float) : 0);
	room.ptr = take(&scratch, c->pointers * sizeof *room.ptr);
	room.tiles = (float *)(void *)scratch;
	return room;
}

/* n dense pictures [h][w][channels] into their frames, or where they are. */
static const float *framed(const struct frame *f, const int32_t size[2], size_t channels,
                           const float *x, size_t n, float *room)
{
	if (!f->needed)
		return x;
	memset(room, 0, n * f->picture * sizeof *room);
	size_t width = (size_t)size[X] * channels;
	for (size_t p = 0; p < n; p++) {
		float *to = room + p * f->picture + (size_t)f->before[Y] * f->row +
		            (size_t)f->before[X] * channels;
		for (int32_t y = 0; y < size[Y]; y++, x += width, to += f->row)
			memcpy(to, x, width * sizeof *x);
	}
	return room;
}

/* --- forward ---------------------------------------------------------------------------------------- */

/* A row of `count` depthwise outputs. */
static void depthwise_row(const struct network *net, size_t channels, size_t taps,
                          const ptrdiff_t *offset, const float *from, size_t pixel, size_t count,
                          const float *w, float *out, const struct epilogue *ep, const float **ptr)
{
	for (size_t x = 0; x < count; x++)
		for (size_t t = 0; t < taps; t++)
			ptr[x * taps + t] = from + x * pixel + offset[t];
	net->k->dwconv_f32(count, channels, taps, ptr, w, out, ep);
}

static void forward_depthwise(const struct network *net, const struct conv *c, const struct grid *g,
                              const float *x, float *z, const struct epilogue *ep,
                              const struct room *room)
{
	for (size_t i = 0; i < g->pictures * g->rows; i++) {
		size_t out = i * g->out_row;
		struct epilogue here = *ep;
		here.residual = ep->residual ? ep->residual + out : NULL;
		depthwise_row(net, c->s.groups, c->taps, c->offset,
		              x + i / g->rows * g->in_picture + i % g->rows * g->in_row,
		              g->in_pixel, g->columns, net->w + c->at, z + out, &here, room->ptr);
	}
}

/* Output positions over the framed input. */
static struct grid forward_grid(const struct conv *c, size_t n)
{
	const struct conv_shape *s = &c->s;
	size_t in = s->groups * s->c, out = s->groups * s->n;
	return (struct grid){
		.pictures = n,
		.rows = (size_t)s->out[Y],
		.columns = (size_t)s->out[X],
		.in_picture = c->x.picture,
		.in_row = (size_t)s->stride[Y] * c->x.row,
		.in_pixel = (size_t)s->stride[X] * in,
		.out_picture = (size_t)s->out[Y] * (size_t)s->out[X] * out,
		.out_row = (size_t)s->out[X] * out,
		.out_pixel = out,
	};
}

static void forward_some(const struct network *net, const struct conv *c, const float *x, size_t n,
                         float *z, const struct epilogue *ep, const struct room *room)
{
	const struct conv_shape *s = &c->s;
	const float *from = framed(&c->x, s->in, s->groups * s->c, x, n, room->x);
	struct grid g = forward_grid(c, n);
	if (c->depthwise) {
		forward_depthwise(net, c, &g, from, z, ep, room);
	} else if (c->winograd) {
		struct grid_winograd w = {net->k, s->c, s->n, c->block, c->packed, room->tiles};
		grid_convolve(&w, &g, from, z, ep);
	} else {
		struct grid_product m = {net->k, net->l2_bytes, c->taps,   c->kc,
		                         s->n,   c->offset,     c->packed, room->ptr};
		size_t packed = gemm_f32_packed_size(&net->k->gemm_f32, s->n, c->taps * c->kc);
		for (size_t i = 0; i < s->groups; i++, m.packed += packed) {
			struct epilogue here = *ep;
			here.bias = ep->bias ? ep->bias + i * s->n : NULL;
			here.residual = ep->residual ? ep->residual + i * s->n : NULL;
			grid_multiply(&m, &g, from + i * s->c, z + i * s->n, &here);
		}
	}
}

void conv_forward(const struct network *net, const struct conv *c, const float *x, size_t n,
                  float *z, const struct epilogue *ep, char *scratch)
{
	const struct conv_shape *s = &c->s;
	struct room room = cut(c, scratch);
	size_t in = s->groups * s->c * (size_t)s->in[Y] * (size_t)s->in[X];
	size_t out = s->groups * s->n * (size_t)s->out[Y] * (size_t)s->out[X];
	for (size_t first = 0; first < n; first += c->together) {
		size_t some = n - first < c->together ? n - first : c->together;
		struct epilogue here = *ep;
		here.residual = ep->residual ? ep->residual + first * out : NULL;
		forward_some(net, c, x + first * in, some, z + first * out, &here, &room);
	}
}

/* --- backward ---------------------------------------------------------------------------------------- */

/* dz of pictures first .. first + n - 1, in frames or dense. */
static const float *make_dz(const struct conv *c, const struct conv_gradient *dz, size_t first,
                            size_t n, float *room)
{
	const struct conv_shape *s = &c->s;
	size_t channels = s->groups * s->n, width = (size_t)s->out[X] * channels;
	size_t picture = (size_t)s->out[Y] * width, at = first * picture;
	if (!dz->row)
		return framed(&c->dz, s->out, channels, dz->g + at, n, room);
	float *made = c->dz.needed ? room : dz->g + at, *to = made;
	if (c->dz.needed) {
		memset(room, 0, n * c->dz.picture * sizeof *room);
		to += (size_t)c->dz.before[Y] * c->dz.row + (size_t)c->dz.before[X] * channels;
	}
	for (size_t p = 0; p < n; p++)
		for (size_t y = 0; y < (size_t)s->out[Y]; y++, at += width)
			dz->row(dz, at, to + p * c->dz.picture + y * c->dz.row);
	return made;
}

static void weight_gradient(const struct network *net, const struct conv *c, size_t n,
                            const float *x, const float *dz, float *dw, const struct room *room)
{
	const struct conv_shape *s = &c->s;
	struct grid g = forward_grid(c, n);
	g.out_picture = c->dz.picture;
	g.out_row = c->dz.row;
	dz += (size_t)c->dz.before[Y] * c->dz.row + (size_t)c->dz.before[X] * g.out_pixel;
	if (c->depthwise) {
		for (size_t i = 0; i < n * g.rows; i++) {
			const float *from = x + i / g.rows * g.in_picture + i % g.rows * g.in_row;
			for (size_t p = 0; p < g.columns; p++)
				for (size_t t = 0; t < c->taps; t++)
					room->ptr[p * c->taps + t] =
						from + p * g.in_pixel + c->offset[t];
			net->k->dwconv_grad_f32(
				g.columns, s->groups, c->taps, room->ptr,
				dz + i / g.rows * g.out_picture + i % g.rows * g.out_row, dw);
		}
		return;
	}
	struct grid_product m = {net->k, net->l2_bytes, c->taps, c->kc,
	                         s->n,   c->offset,     NULL,    room->ptr};
	for (size_t i = 0; i < s->groups; i++)
		grid_outer(&m, &g, x + i * s->c, dz + i * s->n, dw + i * (c->weights / s->groups),
		           s->n);
}

/* A depthwise phase makes dense rows; its input positions lie a stride apart. */
static void depthwise_phase(const struct network *net, const struct conv *c, const struct phase *p,
                            const struct grid *g, const float *dz, float *dx, bool add,
                            const struct room *room)
{
	size_t channels = c->s.groups;
	for (size_t i = 0; i < g->pictures * g->rows; i++) {
		float *to = dx + i / g->rows * g->out_picture + i % g->rows * g->out_row;
		depthwise_row(net, channels, p->taps, p->offset,
		              dz + i / g->rows * g->in_picture + i % g->rows * g->in_row,
		              g->in_pixel, g->columns, c->packed_back + p->packed_at, room->tiles,
		              &nothing, room->ptr);
		const float *from = room->tiles;
		for (size_t x = 0; x < g->columns; x++, to += g->out_pixel, from += channels)
			for (size_t k = 0; k < channels; k++)
				to[k] = add ? to[k] + from[k] : from[k];
	}
}

static void input_gradient(const struct network *net, const struct conv *c, size_t n,
                           const float *dz, float *dx, bool add, const struct room *room)
{
	const struct conv_shape *s = &c->s;
	size_t in = s->groups * s->c, out = s->groups * s->n, row = (size_t)s->in[X] * in;
	struct epilogue ep = {.residual = add ? dx : NULL, .lo = -INFINITY, .hi = INFINITY};
	struct grid g = {
		.pictures = n, .in_picture = c->dz.picture, .in_row = c->dz.row, .in_pixel = out};
	g.out_picture = (size_t)s->in[Y] * row;
	g.out_row = (size_t)s->stride[Y] * row;
	g.out_pixel = (size_t)s->stride[X] * in;
	if (c->winograd_back) {
		struct grid_winograd w = {net->k,        s->n,           s->c,
		                          c->block_back, c->packed_back, room->tiles};
		g.rows = (size_t)s->in[Y];
		g.columns = (size_t)s->in[X];
		/* The window begins where the last tap is met. */
		size_t y = (size_t)(c->dz.before[Y] + s->pad[Y] - 2),
		       x = (size_t)(c->dz.before[X] + s->pad[X] - 2);
		grid_convolve(&w, &g, dz + y * c->dz.row + x * out, dx, &ep);
		return;
	}
	for (size_t i = 0; i < c->n_phases; i++) {
		const struct phase *p = &c->phase[i];
		size_t at = (size_t)p->first[Y] * row + (size_t)p->first[X] * in;
		g.rows = (size_t)p->count[Y];
		g.columns = (size_t)p->count[X];
		if (c->depthwise) {
			depthwise_phase(net, c, p, &g, dz, dx + at, add, room);
			continue;
		}
		size_t packed = gemm_f32_packed_size(&net->k->gemm_f32, s->c, p->taps * p->kc);
		struct grid_product m = {net->k,
		                         net->l2_bytes,
		                         p->taps,
		                         p->kc,
		                         s->c,
		                         p->offset,
		                         c->packed_back + p->packed_at,
		                         room->ptr};
		for (size_t k = 0; k < s->groups; k++, m.packed += packed) {
			struct epilogue here = ep;
			here.residual = add ? dx + at + k * s->c : NULL;
			grid_multiply(&m, &g, dz + k * s->n, dx + at + k * s->c, &here);
		}
	}
}

void conv_backward(const struct network *net, const struct conv *c, const float *x, size_t n,
                   const struct conv_gradient *dz, float *dw, float *dx, bool add, char *scratch)
{
	const struct conv_shape *s = &c->s;
	struct room room = cut(c, scratch);
	size_t in = s->groups * s->c * (size_t)s->in[Y] * (size_t)s->in[X];
	for (size_t first = 0; first < n; first += c->together) {
		size_t some = n - first < c->together ? n - first : c->together;
		const float *gradient = make_dz(c, dz, first, some, room.dz);
		weight_gradient(
			net, c, some,
			framed(&c->x, s->in, s->groups * s->c, x + first * in, some, room.x),
			gradient, dw, &room);
		if (dx)
			input_gradient(net, c, some, gradient, dx + first * in, add, &room);
	}
}
