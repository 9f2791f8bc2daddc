/* attributes.h - a node of the file, on its way to opset 13's form; private to onnx/. */
#ifndef ENGINE_ONNX_ATTRIBUTES_H
#define ENGINE_ONNX_ATTRIBUTES_H
#include "engine/graph/graph.h"
#include "engine/onnx/external.h"
#include "onnx.pb-c.h"

/* Constant inputs that older attributes turn into: at most starts, ends and axes. */
#define DRAFT_EXTRA_INPUTS 5

struct draft {
	struct graph *g;
	struct external *external; /* tensors may be in other files */
	const Onnx__NodeProto *file;
	int64_t opset;
	const char *name;
	enum op op;
	union node_attr attr;
	value_id *in; /* room for the file's inputs and DRAFT_EXTRA_INPUTS more */
	uint32_t n_in, n_out;
	uint64_t read; /* bit i: attribute i of the file has been looked at */
	/* Shape of opset 15 takes a part of the dimensions: a Slice follows the node. */
	bool slice_shape;
	int64_t shape_start, shape_end;
};

typedef enum cnn_status (*attribute_rule)(struct draft *d, struct cnn_error *err);
extern const attribute_rule attribute_table[OP_COUNT]; /* NULL: never in a file */

/* Reads all attributes; refuses those that the operator does not have. */
enum cnn_status attributes_read(struct draft *d, struct cnn_error *err);

/* Getters. An attribute that is absent leaves *out alone and *found (may be NULL) false; one of
 * another type is an error. Lists are borrowed from the file. */
enum cnn_status attribute_int(struct draft *d, const char *name, int64_t *out, bool *found,
                              struct cnn_error *err);
enum cnn_status attribute_bool(struct draft *d, const char *name, bool *out,
                               struct cnn_error *err); /* 0 or 1 */
enum cnn_status attribute_float(struct draft *d, const char *name, float *out, bool *found,
                                struct cnn_error *err);
enum cnn_status attribute_ints(struct draft *d, const char *name, const int64_t **out, size_t *n,
                               bool *found, struct cnn_error *err);
/* A copy in the graph's arena, NULL when absent. */
enum cnn_status attribute_text(struct draft *d, const char *name, const char **out,
                               struct cnn_error *err);
enum cnn_status attribute_floats(struct draft *d, const char *name, const float **out, size_t *n,
                                 bool *found, struct cnn_error *err);
enum cnn_status attribute_tensor(struct draft *d, const char *name, const Onnx__TensorProto **out,
                                 struct cnn_error *err);
/* The index of the attribute's text in choices[n]. */
enum cnn_status attribute_choice(struct draft *d, const char *name, const char *const *choices,
                                 int n, int *out, struct cnn_error *err);
void attribute_ignore(struct draft *d, const char *name);

/* Input `slot` becomes a new constant; it must not be there yet. Inputs between are left out. */
enum cnn_status draft_add_ints(struct draft *d, uint32_t slot, const char *what,
                               const int64_t *ints, size_t n, struct cnn_error *err);
enum cnn_status draft_add_floats(struct draft *d, uint32_t slot, const char *what,
                                 const float *floats, size_t n, struct cnn_error *err);
enum cnn_status draft_add_float(struct draft *d, uint32_t slot, const char *what, float value,
                                struct cnn_error *err);
enum cnn_status draft_add_value(struct draft *d, uint32_t slot, value_id value,
                                struct cnn_error *err);

/* attributes_old.c: before the operator's own rule, which reads the rest */
enum cnn_status read_before_7(struct draft *d, struct cnn_error *err);

/* attributes_window.c */
enum cnn_status read_window(struct draft *d, struct cnn_error *err);
/* attributes_quantised.c */
enum cnn_status read_quantize(struct draft *d, struct cnn_error *err);
enum cnn_status read_quantised_conv(struct draft *d, struct cnn_error *err);
enum cnn_status read_quantised_pool(struct draft *d, struct cnn_error *err);
enum cnn_status read_quantised_global_pool(struct draft *d, struct cnn_error *err);
enum cnn_status read_quantised_leaky(struct draft *d, struct cnn_error *err);
enum cnn_status read_quantised_softmax(struct draft *d, struct cnn_error *err);
enum cnn_status read_quantised_gemm(struct draft *d, struct cnn_error *err);
enum cnn_status read_quantised_concat(struct draft *d, struct cnn_error *err);
enum cnn_status read_global_lp_pool(struct draft *d, struct cnn_error *err);
/* attributes_norm.c */
enum cnn_status read_instance_norm(struct draft *d, struct cnn_error *err);
enum cnn_status read_layer_norm(struct draft *d, struct cnn_error *err);
enum cnn_status read_group_norm(struct draft *d, struct cnn_error *err);
enum cnn_status read_mean_variance_norm(struct draft *d, struct cnn_error *err);
enum cnn_status read_lp_norm(struct draft *d, struct cnn_error *err);
enum cnn_status read_einsum(struct draft *d, struct cnn_error *err);
/* attributes_elementwise.c */
enum cnn_status read_shrink(struct draft *d, struct cnn_error *err);
enum cnn_status read_gelu(struct draft *d, struct cnn_error *err);
enum cnn_status read_is_inf(struct draft *d, struct cnn_error *err);
enum cnn_status read_mod(struct draft *d, struct cnn_error *err);
enum cnn_status read_bit_shift(struct draft *d, struct cnn_error *err);
enum cnn_status read_arg(struct draft *d, struct cnn_error *err);
enum cnn_status read_top_k(struct draft *d, struct cnn_error *err);
enum cnn_status read_cum_sum(struct draft *d, struct cnn_error *err);
enum cnn_status read_cast_like(struct draft *d, struct cnn_error *err);
/* attributes_movement.c */
enum cnn_status read_gather_nd(struct draft *d, struct cnn_error *err);
enum cnn_status read_scatter(struct draft *d, struct cnn_error *err);
enum cnn_status read_one_hot(struct draft *d, struct cnn_error *err);
enum cnn_status read_trilu(struct draft *d, struct cnn_error *err);
enum cnn_status read_eye_like(struct draft *d, struct cnn_error *err);
enum cnn_status read_blocks(struct draft *d, struct cnn_error *err);
/* attributes_resize.c */
enum cnn_status read_resize(struct draft *d, struct cnn_error *err);
enum cnn_status read_upsample(struct draft *d, struct cnn_error *err);

#endif
