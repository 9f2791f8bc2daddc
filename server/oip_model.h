/* oip_model.h - a model in the words of the Open Inference Protocol. */
#ifndef SERVER_OIP_MODEL_H
#define SERVER_OIP_MODEL_H
#include "engine/cnn.h"

#include <jansson.h>

const char *oip_datatype(enum cnn_dtype dtype); /* "FP32" */

/* The shape of one item of the output, without the batch; returns its rank. */
int32_t oip_output_dims(const struct cnn_model_info *info, int64_t dim[CNN_MAX_RANK]);
/* Bytes of one item of the input. */
size_t oip_input_bytes(const struct cnn_model_info *info);

/* Model metadata and model configuration, `name` as served. NULL when memory runs out. */
json_t *oip_model_metadata(const struct cnn_model *model, const char *name);
json_t *oip_model_config(const struct cnn_model *model, const char *name);

#endif
