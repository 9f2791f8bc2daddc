/* upright.h - takes rows as they are stored and puts them into an upright picture. */
#ifndef ENGINE_IMAGE_UPRIGHT_H
#define ENGINE_IMAGE_UPRIGHT_H
#include "engine/image/image.h"

/* What a decoder's rows hold, 8 bits a sample. */
enum upright_samples {
	UPRIGHT_GRAY,
	UPRIGHT_RGB,
	UPRIGHT_CMYK_INVERTED, /* 255 means no ink: what Adobe writes */
};

struct upright {
	struct image img; /* the result: take it over, or let upright_free() release it */
	enum upright_samples samples;
	int32_t orientation; /* EXIF 1..8 */
	int32_t stored_width, stored_height;
	uint8_t *block; /* rows as they are stored, with room for 4 samples a pixel */
};

/* Bytes of a stored pixel. */
size_t upright_pixel_bytes(enum upright_samples samples);

/* CNN_NO_MEMORY is the only error. `up` may be released afterwards in any case. */
enum cnn_status upright_begin(struct upright *up, enum upright_samples samples, int32_t orientation,
                              int32_t stored_width, int32_t stored_height, int32_t channels,
                              struct cnn_error *err);

/* Where to write stored row y, and then, to have it converted and put in its place.
 * Every row is written once, in order. */
uint8_t *upright_row(struct upright *up, int32_t y);
void upright_row_done(struct upright *up, int32_t y);

void upright_free(struct upright *up); /* what upright_begin() made; NULL-safe members */

#endif
