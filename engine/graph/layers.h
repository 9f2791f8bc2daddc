/* layers.h - the layer table: what the file's network consists of, before any optimisation. */
#ifndef ENGINE_GRAPH_LAYERS_H
#define ENGINE_GRAPH_LAYERS_H
#include "engine/base/status.h"
#include "engine/base/types.h"

struct graph;

/* A shape with one picture's batch dimension, in ONNX order. */
struct cnn_shape {
	int32_t rank;
	int64_t dim[CNN_MAX_RANK];
};

/* Among the inputs of a layer: the picture itself, no layer's output. */
#define CNN_LAYER_PICTURE UINT32_MAX

/* One layer as the file names it, for introspection. Strings live as long as the
 * model. Numbers are for one picture. */
struct cnn_layer {
	const char *name, *op;
	const char *fused_into; /* the layer that absorbed it; NULL when it runs by itself */
	const uint32_t *
		inputs; /* [n_inputs]: the rows whose outputs it reads, each once, or CNN_LAYER_PICTURE */
	size_t n_inputs;
	struct cnn_shape input, output;
	bool windowed; /* Conv and pools: the next line means something */
	int32_t kernel[2], stride[2], pad[4],
		dilation[2]; /* height, width; top, left, bottom, right */
	int32_t groups;
	int64_t parameters; /* weights and biases; a weight shared by several layers counts at its first */
	int64_t macs; /* multiply-accumulates: HK * WK * Cin / groups * Hout * Wout * Cout */
	int64_t macs_if_dense; /* of a fully connected layer from the same input to the same output */
	int64_t weight_bytes; /* of the parameters, as the file has them */
	int64_t output_bytes; /* of all that it puts out, in the file's types */
	/* What one element of the output sees of the picture, height and width, in input pixels: the most that any
	 * sees (0: all of it), the centre of what the first one sees (0 is the centre of the first pixel; padding
	 * may bring it in front of that), and the distance to the next one's. What makes maps larger has jumps below
	 * 1 and between whole numbers. Where a field is 0 so are the others. */
	int32_t receptive_field[2];
	double receptive_field_start[2], jump[2];
	const char *formula; /* the output size worked out; "" where there is none */
};

struct graph_layers {
	struct cnn_layer *row; /* in the graph's arena, as all its strings */
	size_t n;
};

/* A row for each live node that computes on the picture, in order; sets node->layer. Call it on an
 * inferred and swept graph, before the passes. Later passes fill `fused_into`.
 * A constant that several nodes use counts as parameters of the first. */
enum cnn_status graph_build_layers(struct graph *g, struct graph_layers *out,
                                   struct cnn_error *err);

#endif
