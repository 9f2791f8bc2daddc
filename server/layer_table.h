/* layer_table.h - the layer table as text: for people, and for spreadsheets. */
#ifndef SERVER_LAYER_TABLE_H
#define SERVER_LAYER_TABLE_H
#include "engine/cnn.h"

/* Both: a string from malloc(), NULL when memory runs out. `us` has the microseconds of each layer, below 0 where it
 * is computed along with another one; NULL: they were not measured. */

/* A line a layer in 100 columns, below it how its size comes about and, unless it is the line above, what it reads;
 * totals last. */
char *layer_table_text(const struct cnn_model *model, const char *name, const double *us);
/* All that the JSON rows have, a line a layer (RFC 4180). */
char *layer_table_csv(const struct cnn_model *model, const double *us);

#endif
