/* conv.h - a convolution and its two gradients over some pictures, one thread's work.
 *
 * Input and output gradient are copied with zeros around them, a few pictures at a time, so that nothing below
 * meets a border. The gradient of the input of a strided convolution is stride x stride convolutions of stride 1,
 * each with some of the taps. */
#ifndef ENGINE_TRAIN_CONV_H
#define ENGINE_TRAIN_CONV_H
#include "engine/train/grid.h"
#include "engine/train/network.h"

/* Height, width in all pairs. */
struct conv_shape {
	int32_t in[2], out[2], kernel[2], stride[2], pad[2], dilation[2]; /* pad: top, left */
	size_t groups, c, n; /* channels of one group: in, out */
};

/* A feature map with zeros around it. */
struct frame {
	bool needed; /* false: the map is used where it lies */
	int32_t before[2], size[2];
	size_t row, picture; /* floats */
};

/* A convolution of stride 1 over the output gradient. */
struct phase {
	int32_t first[2], count[2]; /* of the input positions that it makes, stride apart */
	size_t taps, kc;
	ptrdiff_t *offset;
	int32_t (*tap)[2]; /* [taps]: the kernel's row and column; of joined taps, of the first */
	size_t packed_at;  /* floats in packed_back */
};

struct conv {
	struct conv_shape s;
	bool depthwise;
	bool joined; /* a kernel row's taps are one long tap */
	bool winograd, winograd_back;
	size_t taps, kc;
	ptrdiff_t *offset; /* [taps] */
	struct frame x, dz;
	struct phase *phase;
	size_t n_phases;
	size_t weights;              /* floats in net->w */
	size_t at;                   /* there */
	float *packed, *packed_back; /* _back NULL: no gradient of the input is wanted */
	size_t block, block_back;    /* Winograd's tiles at a time */
	size_t pointers;             /* that a thread needs room for */
	size_t together;             /* pictures copied at a time */
};

/* Decide and allocate from net->arena; false when memory runs out. Raises net->scratch_wanted. */
bool conv_new(struct network *net, const struct conv_shape *s, size_t at, bool back,
              struct conv *out);
size_t conv_prepare_bytes(const struct conv *c);
void conv_prepare(const struct network *net, struct conv *c, char *scratch, bool backward);

/* n pictures from x to z, dense both. ep->residual is laid out like z. */
void conv_forward(const struct network *net, const struct conv *c, const float *x, size_t n,
                  float *z, const struct epilogue *ep, char *scratch);

/* dz of a row of output pixels, made when it is needed: `to` may be the place where g lies. */
struct conv_gradient {
	void (*row)(const struct conv_gradient *self, size_t at, float *to); /* at: floats from z */
	const void *ctx;
	float *g; /* where a whole dz may be put, dense; dz itself when `row` is NULL */
};
/* dw += the gradient of the weights, laid out like them; dx = (or += when `add`) that of the input, unless NULL. */
void conv_backward(const struct network *net, const struct conv *c, const float *x, size_t n,
                   const struct conv_gradient *dz, float *dw, float *dx, bool add, char *scratch);

#endif
