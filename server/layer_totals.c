#include "server/layer_totals.h"

static int64_t add(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

struct layer_totals layer_totals(const struct cnn_model *model)
{
	struct layer_totals t = {.layers = cnn_model_layers(model)};
	for (size_t i = 0; i < t.layers; i++) {
		const struct cnn_layer *l = cnn_model_layer(model, i);
		t.parameters = add(t.parameters, l->parameters);
		t.weight_bytes = add(t.weight_bytes, l->weight_bytes);
		t.macs = add(t.macs, l->macs);
		t.macs_if_dense = add(t.macs_if_dense, l->macs_if_dense);
		t.output_bytes = add(t.output_bytes, l->output_bytes);
		if (l->output_bytes > t.largest_output_bytes) {
			t.largest_output_bytes = l->output_bytes;
			t.largest = i;
		}
	}
	return t;
}

double layer_ratio(int64_t macs, int64_t macs_if_dense)
{
	return macs > 0 ? (double)macs_if_dense / (double)macs : 0;
}
