/* colour.h - numbers as colours. Private to see/.
 *
 * Colours are made in OKLab, where equal steps look equal: Bjorn Ottosson, "A perceptual color space for image
 * processing", 2020, whose matrices are the published ones. */
#ifndef ENGINE_SEE_COLOUR_H
#define ENGINE_SEE_COLOUR_H
#include "engine/see_picture.h"

/* A colour by its lightness (0..1), chroma and hue in degrees, at a place between 0 and 1. */
struct colour_stop {
	double at, lightness, chroma, hue;
};

/* 8 bit sRGB for 256 places between 0 and 1. */
struct colour_ramp {
	uint8_t rgb[256][3];
};
/* Straight lines between stops[n], which begin at 0 and end at 1. */
void colour_ramp_make(const struct colour_stop *stops, size_t n, struct colour_ramp *out);
/* Those of SEE_RAMP and SEE_SIGNED. */
void colour_ramp_of(enum see_colours colours, struct colour_ramp *out);

/* Numbers from lo to hi go over the whole ramp. */
struct colour_scale {
	float lo, hi;
};
/* The scale of n numbers that are `step` apart, those that are not finite left out. A signed one has 0 in the
 * middle. */
struct colour_scale colour_scale_of(const float *x, size_t n, size_t step, bool is_signed);
struct colour_scale colour_scale_join(struct colour_scale a, struct colour_scale b);

/* The place of x among 256, the first where the scale has one number only; -1: it is not finite. */
int colour_place(float x, const struct colour_scale *scale);
extern const uint8_t colour_not_finite[3];

#endif
