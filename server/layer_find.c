#include "server/layer_find.h"
#include "server/request.h"

#include <string.h>

bool layer_find_or_reply(struct request *r, const struct registry_model *m, const char *layer,
                         size_t *out)
{
	size_t n = cnn_model_layers(m->model), found = n;
	uint64_t number;
	for (size_t i = 0; i < n && found == n; i++) {
		if (strcmp(cnn_model_layer(m->model, i)->name, layer) == 0)
			found = i;
	}
	if (found == n && n > 0 && parse_number("layer", layer, 0, n - 1, &number, NULL) == CNN_OK)
		found = (size_t)number;
	if (found == n)
		reply_error(&r->reply, 404, "layer_not_found",
		            "model '%.100s' has no layer '%.100s'; it has %zu layers", m->name,
		            layer, n);
	else if (out)
		*out = found;
	return found < n;
}
