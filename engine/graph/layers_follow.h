/* layers_follow.h - receptive fields from node to node: where the picture's rows and columns are in a tensor, and what
 * each operator does along them. Private to graph/. */
#ifndef ENGINE_GRAPH_LAYERS_FOLLOW_H
#define ENGINE_GRAPH_LAYERS_FOLLOW_H
#include "engine/graph/graph.h"
#include "engine/graph/layers_field.h"

/* What runs along an axis of a tensor; 0: channels, and whatever else has no place in the picture. */
enum { HELD_HEIGHT = 1, HELD_WIDTH = 2, HELD_MIXED = 4 };

/* Of a value. */
struct field {
	bool picture; /* depends on the picture at all */
	bool aside; /* a number about the picture beside its pixels: a scale that was measured on it */
	uint8_t held[CNN_MAX_RANK];
	int64_t rows, columns; /* of an axis that holds both, in this order; 0: not so */
	struct field_axis axis[2];
};

/* What an operator does along an axis of its input. */
struct axis_move {
	enum { MOVE_KEEP, MOVE_MIX, MOVE_REACH } kind;
	int32_t to;         /* the output's axis; -1: there is none */
	struct reach reach; /* MOVE_REACH */
};

struct follower {
	struct graph *g;
	struct field *of; /* by value_id */
	struct field_room room;
	bool has[2]; /* the picture has a height, a width */
};

/* The fields of the graph's inputs. `of` has a zeroed field for each value. */
bool follow_inputs(struct follower *f);
/* The fields of a node's outputs, from those of its inputs; without `picture` when none depends on it. False when
 * memory runs out. */
bool follow_node(struct follower *f, const struct node *n);

/* layers_moves.c: the moves of operators that look along axes, for input `input` and output `output`. False: not one
 * of these. */
bool moves_of(const struct graph *g, const struct node *n, uint32_t input, uint32_t output,
              struct axis_move move[CNN_MAX_RANK]);
bool moves_of_resize(const struct graph *g, const struct node *n,
                     struct axis_move move[CNN_MAX_RANK]);

/* layers_reshape.c: the same elements in the same order under other axes. False when memory runs out. */
bool follow_reshape(struct follower *f, const struct value *x, const struct field *in,
                    const struct value *y, struct field *out);

/* An axis that goes on as the picture's axis `a` does through `r`. */
bool follow_axis(struct follower *f, const struct reach *r, struct field *field, int a);

#endif
