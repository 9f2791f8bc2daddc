/* heat_json.h - where a network looked, as JSON. Shared by the HTTP interface and the commands. */
#ifndef SERVER_HEAT_JSON_H
#define SERVER_HEAT_JSON_H
#include "engine/see_heat.h"
#include <jansson.h>

struct heat_told {
	const struct heat *heat;
	const struct heat_window *window; /* in the photo's pixels, as sent */
	const struct heat_peak *peak;
	const struct image_header *photo;
};

/* A new reference, NULL when memory runs out. */
json_t *heat_json(const struct cnn_model *model, const char *name, const struct heat_told *told);

#endif
