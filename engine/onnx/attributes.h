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
enum cnn_status attribute_tensor(struct draft *d, const char *name, const Onnx__TensorProto **out,
                                 struct cnn_error *err);
/* The index of the attribute's text in choices[n]. */
enum cnn_status attribute_choice(struct draft *d, const char *name, const char *const *choices,
                                 int n, int *out, struct cnn_error *err);
void attribute_ignore(struct draft *d, const char *name);

/* Input `slot` becomes a new constant; it must not be there yet. Inputs between are left out. */
enum cnn_status draft_add_ints(struct draft *d, uint32_t slot, const char *what,
                               const int64_t *ints, size_t n, struct cnn_error *err);
enum cnn_status draft_add_float(struct draft *d, uint32_t slot, const char *what, float value,
                                struct cnn_error *err);
enum cnn_status draft_add_value(struct draft *d, uint32_t slot, value_id value,
                                struct cnn_error *err);

/* attributes_window.c */
enum cnn_status read_window(struct draft *d, struct cnn_error *err);

#endif
