/* view_json.h - what was seen in a network, as JSON. Shared by the HTTP interface and the commands, so that both say the
 * same. Every function returns a new reference, NULL when memory runs out. */
#ifndef SERVER_VIEW_JSON_H
#define SERVER_VIEW_JSON_H
#include "engine/see_heat.h"
#include "engine/see_picture.h"

#include <jansson.h>

json_t *view_json_number(double x); /* null for what is none */
json_t *view_json_shape(size_t channels, size_t height, size_t width);
/* `place`: with where the largest one is. */
json_t *view_json_stats(const struct see_stats *stats, bool place);
json_t *view_json_window(const struct heat_window *window);
json_t *view_json_image(const struct image_header *header);
/* rows of numbers */
json_t *view_json_rows(const float *number, size_t height, size_t width);
json_t *view_json_peak(const struct heat_peak *peak);
/* The best classes; an empty list when scores are no numbers. */
json_t *view_json_top(const struct cnn_model *model, const float *scores, size_t top);

#endif
