/* move.h - one description for everything that only moves elements, float32 or bytes: transposition, slice, pad,
 * gather, expansion, concatenation, change of layout. */
#ifndef ENGINE_PLAN_MOVE_H
#define ENGINE_PLAN_MOVE_H
#include "engine/plan/lower.h"

#define MOVE_FILL INT64_MIN /* in at[]: nothing is read, `fill` is written */

/* out[out_base + sum_d i_d * out_stride[d]] = in[in_base + sum_d at[d][i_d]] for all 0 <= i_d < dim[d];
 * dimensions from the outermost of the output to the innermost; elements. */
struct move {
	int32_t rank;
	size_t size; /* of an element: 4 or 1 */
	int64_t dim[CNN_MAX_RANK], out_stride[CNN_MAX_RANK];
	int64_t *at[CNN_MAX_RANK];
	int64_t in_base, out_base;
	float fill;
	bool straight; /* the innermost dimension is contiguous on both sides and has no fill */
	bool columns; /* it is so short that the next one is the better loop, and neither has a fill */
};

/* A move that writes all of `out` in memory order and reads `in` at stride in_stride(axis) for
 * each of out's ONNX axes: at[d][i] = i * stride. The caller may then edit at[] (and
 * calls move_finish). false when memory runs out. */
bool move_new(struct lowering *l, const struct value *out, const int64_t in_stride[CNN_MAX_RANK],
              struct move *move);
/* The dimension of the move that is ONNX axis `axis` of `out`. */
int32_t move_dim(const struct value *out, int32_t axis);
void move_finish(struct move *move);
void move_run(const struct move *move, const void *in, void *out);

/* Strides of v in memory by ONNX axis; 0 for axes of one element. */
void move_strides(const struct value *v, int64_t stride[CNN_MAX_RANK]);

/* A step that is one move of `in` to `out`. */
enum cnn_status move_step(struct lowering *l, const struct node *n, value_id in, value_id out,
                          const struct move *move, const char *kernel, struct cnn_error *err);

#endif
