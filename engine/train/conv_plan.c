/* What a convolution needs that does not change from step to step. */
#include "engine/train/conv.h"

enum { Y, X };

/* Divide, rounding towards minus infinity is not needed: only exact divisions are asked for. */
static bool offset_of_tap(const struct conv_shape *s, int axis, int32_t first, int32_t tap,
                          int32_t *offset)
{
	int32_t distance = first + s->pad[axis] - tap * s->dilation[axis];
	*offset = distance / s->stride[axis];
	return distance % s->stride[axis] == 0;
}

static int32_t up_to(int32_t n, int32_t multiple)
{
	return (n + multiple - 1) / multiple * multiple;
}

/* Would Winograd's 36 products for 16 outputs beat 9 for each? A transform costs about 6 multiply-adds a value. */
static bool winograd_pays(const struct network *net, const struct conv_shape *s,
                          const int32_t made[2], size_t c, size_t n)
{
	for (int i = Y; i <= X; i++)
		if (s->kernel[i] != 3 || s->stride[i] != 1 || s->dilation[i] != 1 || s->pad[i] > 2)
			return false;
	size_t narrow = net->k->gemm_f32.nr / 2u;
	if (s->groups != 1 || c < narrow || n < narrow)
		return false;
	double tiles = (double)up_to(made[Y], WINOGRAD_OUT) / WINOGRAD_OUT *
	               up_to(made[X], WINOGRAD_OUT) / WINOGRAD_OUT;
	double pairs = (double)c * (double)n;
	double products = tiles * WINOGRAD_POINTS * (1 + 6.0 * (double)(c + n) / pairs);
	return products < 0.8 * 9 * made[Y] * made[X];
}

static void finish_frame(struct frame *f, const int32_t size[2], size_t channels)
{
	f->needed = f->before[Y] || f->before[X] || f->size[Y] > size[Y] || f->size[X] > size[X];
	for (int i = Y; i <= X; i++)
		if (!f->needed || f->size[i] < f->before[i] + size[i])
			f->size[i] = f->before[i] + size[i];
	f->row = (size_t)f->size[X] * channels;
	f->picture = (size_t)f->size[Y] * f->row;
}

static bool plan_forward(struct network *net, struct conv *c)
{
	const struct conv_shape *s = &c->s;
	c->winograd = winograd_pays(net, s, s->out, s->c, s->n);
	for (int i = Y; i <= X; i++) {
		c->x.before[i] = s->pad[i];
		c->x.size[i] = c->winograd ? up_to(s->out[i], WINOGRAD_OUT) + 2
		                           : (s->out[i] - 1) * s->stride[i] +
		                                     (s->kernel[i] - 1) * s->dilation[i] + 1;
	}
	size_t pixel = s->groups * s->c;
	finish_frame(&c->x, s->in, pixel);
	c->joined = s->groups == 1 && s->dilation[X] == 1 && !c->depthwise;
	size_t across = c->joined ? 1 : (size_t)s->kernel[X];
	c->taps = (size_t)s->kernel[Y] * across;
	c->kc = c->joined ? (size_t)s->kernel[X] * s->c : s->c;
	c->offset = arena_alloc(net->arena, c->taps, sizeof *c->offset);
	for (size_t t = 0; c->offset && t < c->taps; t++)
		c->offset[t] = (ptrdiff_t)(t / across * (size_t)s->dilation[Y] * c->x.row +
		                           t % across * (size_t)s->dilation[X] * pixel);
	return c->offset != NULL;
}

/* The taps that meet input positions first, first + stride, ... */
static bool plan_phase(struct network *net, const struct conv *c, struct phase *p, bool joined)
{
	const struct conv_shape *s = &c->s;
	size_t room = (size_t)s->kernel[Y] * (size_t)s->kernel[X];
	p->tap = arena_alloc(net->arena, room, sizeof *p->tap);
	p->offset = arena_alloc(net->arena, room, sizeof *p->offset);
	if (!p->tap || !p->offset)
		return false;
	p->kc = joined ? (size_t)s->kernel[X] * s->n : s->n;
	for (int i = Y; i <= X; i++)
		p->count[i] = (s->in[i] - p->first[i] + s->stride[i] - 1) / s->stride[i];
	for (int32_t ky = 0; ky < s->kernel[Y]; ky++)
		for (int32_t kx = s->kernel[X] - 1; kx >= 0; kx--) {
			int32_t unused;
			if (!offset_of_tap(s, Y, p->first[Y], ky, &unused) ||
			    !offset_of_tap(s, X, p->first[X], kx, &unused))
				continue;
			if (joined && kx != s->kernel[X] - 1)
				continue;
			p->tap[p->taps][Y] = ky;
			p->tap[p->taps++][X] = kx;
		}
	return true;
}

static bool plan_phases(struct network *net, struct conv *c)
{
	const struct conv_shape *s = &c->s;
	bool joined = c->joined && s->stride[Y] == 1 && s->stride[X] == 1;
	c->winograd_back = winograd_pays(net, s, s->in, s->n, s->c);
	/* Strides beyond the input leave phases without a position. */
	int32_t across = s->stride[X] < s->in[X] ? s->stride[X] : s->in[X];
	int32_t down = s->stride[Y] < s->in[Y] ? s->stride[Y] : s->in[Y];
	c->n_phases = (size_t)down * (size_t)across;
	c->phase = arena_alloc(net->arena, c->n_phases, sizeof *c->phase);
	if (!c->phase)
		return false;
	for (size_t i = 0; i < c->n_phases; i++) {
		struct phase *p = &c->phase[i];
		p->first[Y] = (int32_t)i / across;
		p->first[X] = (int32_t)i % across;
		if (!plan_phase(net, c, p, joined))
			return false;
	}
	return true;
}

/* The frame must hold every tap of every phase. */
static void plan_gradient_frame(struct conv *c)
{
	const struct conv_shape *s = &c->s;
	for (int i = Y; i <= X; i++) {
		int32_t least = 0, end = s->out[i];
		int32_t phases = s->stride[i] < s->in[i] ? s->stride[i] : s->in[i];
		for (int32_t first = 0; first < phases && c->phase; first++)
			for (int32_t tap = 0; tap < s->kernel[i]; tap++) {
				int32_t offset, count = (s->in[i] - first + s->stride[i] - 1) /
				                        s->stride[i];
				if (!offset_of_tap(s, i, first, tap, &offset))
					continue;
				least = offset < least ? offset : least;
				end = offset + count > end ? offset + count : end;
			}
		c->dz.before[i] = -least;
		c->dz.size[i] = end - least;
		/* Winograd's first window begins at the last tap's offset. */
		int32_t tiles = up_to(s->in[i], WINOGRAD_OUT) + 2 + s->pad[i] - 2 - least;
		if (c->winograd_back && c->dz.size[i] < tiles)
			c->dz.size[i] = tiles;
	}
	size_t pixel = s->groups * s->n;
	finish_frame(&c->dz, s->out, pixel);
	for (size_t i = 0; c->phase && i < c->n_phases; i++)
		for (size_t t = 0; t < c->phase[i].taps; t++) {
			struct phase *p = &c->phase[i];
			int32_t y, x;
			offset_of_tap(s, Y, p->first[Y], p->tap[t][Y], &y);
			offset_of_tap(s, X, p->first[X], p->tap[t][X], &x);
			p->offset[t] = (ptrdiff_t)((size_t)(y + c->dz.before[Y]) * c->dz.row +
			                           (size_t)(x + c->dz.before[X]) * pixel);
		}
}

static bool plan_packed(struct network *net, struct conv *c, bool back)
{
	const struct conv_shape *s = &c->s;
	const struct gemm_f32 *gemm = &net->k->gemm_f32;
	if (c->depthwise) {
		/* Forward the weights serve as they are. */
		size_t total = 0;
		for (size_t i = 0; back && i < c->n_phases; i++) {
			c->phase[i].packed_at = total;
			total += c->phase[i].taps * s->groups;
		}
		c->packed_back = back ? arena_alloc(net->arena, total, sizeof(float)) : NULL;
		return !back || c->packed_back;
	}
	size_t forward = c->winograd
	                         ? WINOGRAD_POINTS * gemm_f32_packed_size(gemm, s->n, s->c)
	                         : s->groups * gemm_f32_packed_size(gemm, s->n, c->taps * c->kc);
	c->packed = arena_alloc(net->arena, forward, sizeof(float));
	if (!c->packed || !back)
		return c->packed != NULL;
	size_t total = 0;
	for (size_t i = 0; i < c->n_phases; i++) {
		c->phase[i].packed_at = total;
		total += s->groups *
		         gemm_f32_packed_size(gemm, s->c, c->phase[i].taps * c->phase[i].kc);
	}
	if (c->winograd_back)
		total = WINOGRAD_POINTS * gemm_f32_packed_size(gemm, s->c, s->n);
	c->packed_back = arena_alloc(net->arena, total, sizeof(float));
	return c->packed_back != NULL;
}

/* Scratch: copies of x and dz, pointers, Winograd's tiles. */
static void plan_scratch(struct network *net, struct conv *c)
{
	const struct conv_shape *s = &c->s;
	size_t copies = ((c->x.needed ? c->x.picture : 0) + (c->dz.needed ? c->dz.picture : 0)) *
	                sizeof(float);
	c->together = copies ? net->l2_bytes / 2 / copies : net->max_batch;
	if (c->together < 1)
		c->together = 1;
	if (c->together > net->max_batch)
		c->together = net->max_batch;
	size_t taps = (size_t)s->kernel[Y] * (size_t)s->kernel[X];
	size_t widest = (size_t)(s->in[X] > s->out[X] ? s->in[X] : s->out[X]);
	c->pointers = taps * (c->depthwise ? widest : GEMM_MAX_MR);
	if (c->pointers < (size_t)2 * GRID_BAND)
		c->pointers = (size_t)2 * GRID_BAND;
	size_t row = c->depthwise ? widest * s->groups : 0;
	size_t tiles = 0;
	if (c->winograd) {
		struct grid_winograd w = {.k = net->k, .kc = s->c, .n = s->n};
		w.block = c->block = grid_winograd_block(net->k, net->l2_bytes, s->c, s->n);
		tiles = grid_winograd_floats(&w);
	}
	if (c->winograd_back) {
		struct grid_winograd w = {.k = net->k, .kc = s->n, .n = s->c};
		w.block = c->block_back = grid_winograd_block(net->k, net->l2_bytes, s->n, s->c);
		if (grid_winograd_floats(&w) > tiles)
			tiles = grid_winograd_floats(&w);
	}
	size_t bytes = c->together * copies + c->pointers * sizeof(float *) +
	               (tiles + row) * sizeof(float) + (size_t)4 * ARENA_ALIGN;
	if (bytes > net->scratch_wanted)
		net->scratch_wanted = bytes;
}

bool conv_new(struct network *net, const struct conv_shape *s, size_t at, bool back,
              struct conv *out)
{
	*out = (struct conv){.s = *s, .at = at};
	struct conv *c = out;
	c->depthwise = s->groups > 1 && s->c == 1 && s->n == 1;
	c->weights = s->groups * s->c * s->n * (size_t)s->kernel[Y] * (size_t)s->kernel[X];
	if (!plan_forward(net, c) || (back && !plan_phases(net, c)))
		return false;
	plan_gradient_frame(c);
	if (!plan_packed(net, c, back))
		return false;
	plan_scratch(net, c);
	return true;
}
