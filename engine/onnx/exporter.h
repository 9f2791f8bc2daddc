/* exporter.h - what the steps of one export share; private to onnx/. */
#ifndef ENGINE_ONNX_EXPORTER_H
#define ENGINE_ONNX_EXPORTER_H
#include "engine/graph/graph.h"
#include "engine/onnx/export.h"
#include "engine/onnx/names.h"
#include "onnx.pb-c.h"

struct exporter {
	const struct graph *g;
	const struct onnx_export_options *options;
	struct arena *arena; /* of all messages; they borrow strings and weights from the graph */
	struct name_table names; /* the graph's of all values that the file may need */
	const char *
		*value_name; /* by value: not empty and unique; NULL: the file does not need it */
	bool *used;          /* by value: a node or an output of the file refers to it */
	const char *domain;  /* of operators other than ONNX's own; NULL: there are none */
	uint32_t n_made_up;
	Onnx__GraphProto *file;
	bool no_memory; /* Stays true; what builds messages then gives NULL or does nothing. */
};

/* A node on its way into the file, for the rule of its operator. */
struct sheet {
	struct exporter *e;
	const struct node *node;
	/* Its inputs and outputs are NULL where they are the node's own. There is room for one input more. */
	Onnx__NodeProto *file;
	Onnx__NodeProto *after; /* follows it in the file; NULL */
};

/* The node's attributes, and whatever opset 17 wants otherwise than the graph has it. */
typedef enum cnn_status (*export_rule)(struct sheet *s, struct cnn_error *err);
/* export_elementwise.c */
enum cnn_status write_shrink(struct sheet *s, struct cnn_error *err);
enum cnn_status write_is_inf(struct sheet *s, struct cnn_error *err);
enum cnn_status write_mod(struct sheet *s, struct cnn_error *err);
enum cnn_status write_bit_shift(struct sheet *s, struct cnn_error *err);
enum cnn_status write_arg(struct sheet *s, struct cnn_error *err);
enum cnn_status write_top_k(struct sheet *s, struct cnn_error *err);
enum cnn_status write_cum_sum(struct sheet *s, struct cnn_error *err);
enum cnn_status write_too_new(struct sheet *s, struct cnn_error *err);
extern const export_rule export_table[OP_COUNT]; /* NULL: never in a file */

/* export_window.c */
enum cnn_status write_convolution(struct sheet *s, struct cnn_error *err);
enum cnn_status write_max_pool(struct sheet *s, struct cnn_error *err);
enum cnn_status write_average_pool(struct sheet *s, struct cnn_error *err);
enum cnn_status write_lp_pool(struct sheet *s, struct cnn_error *err);
enum cnn_status write_global_lp_pool(struct sheet *s, struct cnn_error *err);
/* export_quantised.c */
enum cnn_status write_quantize(struct sheet *s, struct cnn_error *err);
enum cnn_status write_quantised_pool(struct sheet *s, struct cnn_error *err);
enum cnn_status write_quantised_global_pool(struct sheet *s, struct cnn_error *err);
enum cnn_status write_quantised_leaky(struct sheet *s, struct cnn_error *err);
enum cnn_status write_quantised_softmax(struct sheet *s, struct cnn_error *err);
enum cnn_status write_quantised_gemm(struct sheet *s, struct cnn_error *err);
enum cnn_status write_quantised_concat(struct sheet *s, struct cnn_error *err);
/* export_norm.c */
enum cnn_status write_instance_norm(struct sheet *s, struct cnn_error *err);
enum cnn_status write_layer_norm(struct sheet *s, struct cnn_error *err);
enum cnn_status write_group_norm(struct sheet *s, struct cnn_error *err);
enum cnn_status write_mean_variance_norm(struct sheet *s, struct cnn_error *err);
enum cnn_status write_lp_norm(struct sheet *s, struct cnn_error *err);
enum cnn_status write_einsum(struct sheet *s, struct cnn_error *err);
/* export_movement.c */
enum cnn_status write_gather_nd(struct sheet *s, struct cnn_error *err);
enum cnn_status write_scatter(struct sheet *s, struct cnn_error *err);
enum cnn_status write_trilu(struct sheet *s, struct cnn_error *err);
enum cnn_status write_eye_like(struct sheet *s, struct cnn_error *err);
enum cnn_status write_blocks(struct sheet *s, struct cnn_error *err);
enum cnn_status write_resize(struct sheet *s, struct cnn_error *err);

/* protobuf-c's strings and arrays are not const; packing only reads them. */
static inline void *borrow(const void *p)
{
	return (void *)(uintptr_t)p;
}

/* --- export_messages.c: parts of the file ------------------------------------------------------ */

/* A name for a value, beginning with `base`, that no other has. */
char *exporter_name(struct exporter *e, const char *base);
/* What the file calls a value, "" for NO_VALUE; from now on the file needs it. */
char *exporter_use(struct exporter *e, value_id v);

/* A type with a domain in front is an operator of that. Has room for n_in + 1 inputs; in the file only after exporter_append(). */
Onnx__NodeProto *exporter_node(struct exporter *e, const char *type, const char *name, size_t n_in,
                               size_t n_out);
void exporter_append(struct exporter *e, Onnx__NodeProto *node); /* NULL-safe */

void put_int(struct exporter *e, Onnx__NodeProto *n, const char *name, int64_t value);
void put_float(struct exporter *e, Onnx__NodeProto *n, const char *name, float value);
void put_string(struct exporter *e, Onnx__NodeProto *n, const char *name, const char *value);
void put_ints(struct exporter *e, Onnx__NodeProto *n, const char *name, const int64_t *list,
              size_t count);
void put_tensor(struct exporter *e, Onnx__NodeProto *n, const char *name,
                const struct value *constant);

int32_t exporter_dtype(enum cnn_dtype dtype); /* TensorProto.DataType */
/* The name and the value's data are borrowed. */
void exporter_initializer(struct exporter *e, const char *name, const struct value *constant);
/* A new constant list of int64, called after the node; its name. */
char *exporter_list(struct exporter *e, const struct node *node, const char *what,
                    const int64_t *list, size_t count);

#endif
