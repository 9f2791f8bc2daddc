/* viewer.h - what a viewer is made of. Private to see/. */
#ifndef ENGINE_SEE_VIEWER_H
#define ENGINE_SEE_VIEWER_H
#include "engine/graph/graph.h"
#include "engine/run/model.h"
#include "engine/see.h"

/* What the integers of a value stand for, as DequantizeLinear has it. */
struct see_real {
	const struct value *scale, *zero; /* scale NULL: nothing is known; zero may be NULL */
	struct quant_attr attr;
};

/* Where a row of the layer table is found. */
struct see_row {
	value_id value; /* its output */
	uint32_t step;  /* of the plan, the last that writes it */
};

struct see {
	struct cnn_model *model; /* with its graph, whose nodes of OP_LAYOUT are no layers */
	struct cnn_session *session;
	size_t n;              /* rows */
	struct see_row *row;   /* [n] */
	uint32_t *row_of_step; /* [steps], UINT32_MAX: none */
	struct see_real *real; /* [values] */
	float *converted;      /* room for the largest output that is not float32 */
	float *scores;         /* [classes], for runs that want none */
	size_t bytes;          /* of these arrays */
};

/* The node of row `layer` that has the operator `op`; NULL: there is none. */
const struct node *see_node(const struct see *see, size_t layer, enum op op);

/* Find out what the integers of each value stand for: real[values], zeroed before. */
void see_reals(const struct graph *g, struct see_real *real);

/* `data`, a value as it lies in memory, as floats in ONNX's order: the real ones, where they are known. */
void see_convert(const struct value *v, const struct see_real *real, const void *data, float *out);
/* Whether see_convert() must be called for maps of it. */
bool see_must_convert(const struct value *v);

/* The value as maps, whose data lies as the value's layout says. */
void see_shape(const struct value *v, struct see_maps *out);

#endif
