/* exif.h - which way up a camera was held. */
#ifndef ENGINE_IMAGE_EXIF_H
#define ENGINE_IMAGE_EXIF_H
#include <stddef.h>
#include <stdint.h>

/* The orientation, 1..8, that a TIFF header and its first directory name: what follows
 * "Exif\0\0" in a JPEG's APP1 segment, or the contents of a PNG's eXIf chunk.
 * Anything absent or malformed counts as 1: broken metadata does not make a picture unreadable. */
int32_t exif_orientation(const uint8_t *tiff, size_t len);

#endif
