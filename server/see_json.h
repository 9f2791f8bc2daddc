/* see_json.h - what is seen of a layer, as JSON. Shared by the HTTP interface and the commands. Every function returns a
 * new reference, NULL when memory runs out. */
#ifndef SERVER_SEE_JSON_H
#define SERVER_SEE_JSON_H
#include "engine/see_picture.h"
#include <jansson.h>

/* One channel's numbers; `place`: and where the largest is. */
json_t *see_json_stats(const struct see_stats *stats, bool place);
/* Where the tiles of a mosaic are. */
json_t *see_json_layout(const struct see_layout *layout);
/* {"model", "layer", "shape", "quantised", "channels"}; of filters (else NULL) "filters" in place of "channels". */
json_t *see_json_layer(const struct cnn_model *model, const char *name,
                       const struct see_picked *picked, const struct see_filters *filters);

#endif
