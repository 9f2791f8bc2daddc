/* layers_field.h - receptive fields: which input pixels the elements of a value depend on. Private to graph/.
 *
 * Along an axis of the picture the element at position `o` of a value sees the pixels span[o % phases], moved on by
 * `step` pixels for each time that `phases` goes into o. A stack of convolutions and pools has one phase, and its
 * step is the jump of the textbooks; what makes maps larger has one for each position between two old ones, because
 * these see more or fewer pixels. Padding counts as pixels outside the picture, so that numbers hold for every
 * position. What is seen with gaps, by a dilated kernel, counts as seen from end to end. */
#ifndef ENGINE_GRAPH_LAYERS_FIELD_H
#define ENGINE_GRAPH_LAYERS_FIELD_H
#include "engine/base/arena.h"
#include "engine/base/types.h"

struct field_span {
	int64_t first, last; /* nothing is seen: first > last */
};

struct field_axis {
	bool whole; /* all of the picture, or what cannot be told apart from it; then nothing else counts */
	int32_t phases;
	int64_t step;
	const struct field_span *span; /* [phases] */
};

/* How the positions of an operator's output lie over those of its input, along one axis. It repeats: `out`
 * positions on in the output are `in` positions on in the input. */
struct reach {
	enum reach_kind {
		REACH_WINDOW, /* o sees o * stride - before and what the extent spans from there */
		REACH_SPREAD, /* i is seen by i * stride - before + k * dilation, k < kernel */
		REACH_SAMPLE, /* o sees what lies within `radius` of (o * in * 2 + shift) / (out * 2) */
	} kind;
	int64_t out, in;
	int64_t stride, before, kernel, dilation;
	int64_t shift;
	double radius;
	enum reach_rounding { REACH_NEAREST, REACH_FLOOR, REACH_CEIL } rounding; /* radius 0 */
};

struct reach reach_window(int64_t kernel, int64_t stride, int64_t dilation, int64_t before);
struct reach reach_spread(int64_t kernel, int64_t stride, int64_t dilation, int64_t before);

/* Room for all axes of a table. What a file could make too large, or too long to work out, is seen as whole. */
struct field_room {
	struct arena *arena;
	int64_t work; /* steps that are left */
};

/* One position, one pixel: the picture itself. False when memory runs out. */
bool field_axis_picture(struct field_room *room, struct field_axis *out);
/* What the output sees through `r`. */
bool field_axis_through(struct field_room *room, const struct field_axis *in, const struct reach *r,
                        struct field_axis *out);
/* The union, position by position; where the jumps differ, over all of `positions`. */
bool field_axis_join(struct field_room *room, const struct field_axis *a,
                     const struct field_axis *b, int64_t positions, struct field_axis *out);

/* In input pixels: the largest number that a position sees (0: whole), the centre of what the first one sees, and
 * how far the next one's is. */
int32_t field_axis_size(const struct field_axis *axis);
double field_axis_start(const struct field_axis *axis);
double field_axis_jump(const struct field_axis *axis);

#endif
