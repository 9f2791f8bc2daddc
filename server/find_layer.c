#include "server/find_layer.h"
#include "server/request.h"

#include <string.h>

bool find_layer(struct request *r, const struct registry_model *m, const char *layer, size_t *out)
{
	size_t n = cnn_model_layers(m->model);
	uint64_t index;
	for (*out = 0; *out < n; ++*out) {
		if (strcmp(cnn_model_layer(m->model, *out)->name, layer) == 0)
			return true;
	}
	if (n > 0 && parse_number("layer", layer, 0, n - 1, &index, NULL) == CNN_OK) {
		*out = (size_t)index;
		return true;
	}
	reply_error(&r->reply, 404, "layer_not_found",
	            "model '%.100s' has no layer '%.100s'; it has %zu layers", m->name, layer, n);
	return false;
}
