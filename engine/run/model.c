/* What a loaded model answers. */
#include "engine/run/model.h"

#include <stdlib.h>

struct cnn_model *cnn_model_ref(struct cnn_model *model)
{
	atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
	return model;
}

void cnn_model_unref(struct cnn_model *model)
{
	if (!model || atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) > 1)
		return;
	plan_free(model->plan);
	graph_free(model->graph);
	arena_free(model->arena);
	free(model);
}

const struct cnn_model_info *cnn_model_info(const struct cnn_model *model)
{
	return &model->info;
}

const char *cnn_model_label(const struct cnn_model *model, size_t cls)
{
	return cls < model->labels.n ? model->labels.label[cls] : "";
}

size_t cnn_model_layers(const struct cnn_model *model)
{
	return model->n_layer;
}

const struct cnn_layer *cnn_model_layer(const struct cnn_model *model, size_t i)
{
	return i < model->n_layer ? &model->layer[i] : NULL;
}

enum cnn_isa cnn_model_isa(const struct cnn_model *model)
{
	return model->isa;
}
