/* model_json.h - what convd tells about a model and an answer, as JSON. Shared by the HTTP interface and the
 * commands, so that both say the same. Every function returns a new reference, NULL when memory runs out. */
#ifndef SERVER_MODEL_JSON_H
#define SERVER_MODEL_JSON_H
#include "engine/cnn.h"
#include <jansson.h>
#include <stdio.h>

/* {"name","version","sha256"}: the "model" of a prediction. `name`: as served. */
json_t *model_json_id(const struct cnn_model *model, const char *name);
/* The object of /models/{m}: names, input, preprocessing, labels, parameters, macs, assumed ... */
json_t *model_json_info(const struct cnn_model *model, const char *name);
/* One row, and {"model", "layers", "totals"}: the object of /models/{m}/layers. */
json_t *model_json_layer(const struct cnn_model *model, size_t layer);
json_t *model_json_layers(const struct cnn_model *model, const char *name);
/* The same table as text for people, a line a layer, totals last. A string from malloc(), NULL when memory runs
 * out. */
char *model_text_layers(const struct cnn_model *model, const char *name);

struct prediction_timing {
	double decode_ms, queue_ms, inference_ms, total_ms;
};
/* The `top` best classes of scores[classes], all finite: [{"class", "label", "probability"}]. */
json_t *model_json_top(const struct cnn_model *model, const float *scores, size_t top);
/* One answer of /predict. `top` classes of scores[classes], all finite. */
json_t *model_json_prediction(const struct cnn_model *model, const char *name,
                              const struct image_header *picture, const float *scores, size_t top,
                              uint32_t batch, const struct prediction_timing *timing);

#endif
