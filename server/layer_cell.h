/* layer_cell.h - what stands in the cells of the layer table for people. */
#ifndef SERVER_LAYER_CELL_H
#define SERVER_LAYER_CELL_H
#include "engine/cnn.h"

/* Characters, not bytes: what a terminal shows. */
size_t cell_width(const char *text);

/* Strings from malloc(), NULL when memory runs out. */

char *cell_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* At most so many characters, at least 3; the middle of a long text is left out. */
char *cell_short(const char *text, size_t most);
/* Without the axis of the batch: 8×28×28. */
char *cell_shape(const struct cnn_shape *shape);
/* 1234567 as 1,234,567 and as 1.23M. */
char *cell_count(int64_t n);
char *cell_rounded(double n);
/* Kernel, stride and, where there are several, groups: 3×3/2 g8. */
char *cell_window(const struct cnn_layer *l);
/* Receptive field and, above 1 or between whole numbers, jump: 15×15/4. */
char *cell_field(const struct cnn_layer *l);
/* Rows that it reads: "reads 6 and 8"; "" when it is only the one above, or of the first the picture. */
char *cell_inputs(const struct cnn_layer *l, size_t row);

#endif
