/* layer_totals.h - the sums of a layer table. */
#ifndef SERVER_LAYER_TOTALS_H
#define SERVER_LAYER_TOTALS_H
#include "engine/cnn.h"

/* Sums stay at the largest number instead of wrapping. */
struct layer_totals {
	size_t layers;
	int64_t parameters, weight_bytes;
	int64_t macs;
	int64_t macs_if_dense;
	int64_t output_bytes, largest_output_bytes;
	size_t largest; /* the row with the largest output */
};
struct layer_totals layer_totals(const struct cnn_model *model);

/* How many times as much work a fully connected layer would be; 0 where the two cannot be compared. */
double layer_ratio(int64_t macs, int64_t macs_if_dense);

#endif
