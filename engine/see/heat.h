/* heat.h - what the parts of a heat map's making share. Private to see/. */
#ifndef ENGINE_SEE_HEAT_PARTS_H
#define ENGINE_SEE_HEAT_PARTS_H
#include "engine/see/colour.h"
#include "engine/see_heat.h"

/* The map between the middles of its cells, at (x, y) in cells; outside as at the edge. Negative numbers are 0. */
float heat_at(const struct heat *heat, double x, double y);
float heat_largest(const struct heat *heat); /* 0 when none is above it */

/* From a dark violet over red to a light yellow, evenly lighter: unlike those of maps, so that nobody takes one for the
 * other, and apart from most photos' colours. */
void heat_ramp(struct colour_ramp *out);

/* Takes the map's memory. */
enum cnn_status heat_new(struct heat *out, int32_t height, int32_t width, struct cnn_error *err);

#endif
