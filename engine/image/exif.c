#include "engine/image/exif.h"

#include <stdbool.h>

enum { TIFF_BYTE = 1, TIFF_SHORT = 3, TIFF_LONG = 4 };
enum { TAG_ORIENTATION = 0x0112, ENTRY_BYTES = 12 };

static uint32_t get16(const uint8_t *p, bool big_endian)
{
	return big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t get32(const uint8_t *p, bool big_endian)
{
	return big_endian ? get16(p, true) << 16 | get16(p + 2, true)
	                  : get16(p + 2, false) << 16 | get16(p, false);
}

/* The value of a directory entry that holds one small number; 0 for anything else. */
static uint32_t entry_value(const uint8_t *entry, bool big_endian)
{
	if (get32(entry + 4, big_endian) != 1)
		return 0;
	switch (get16(entry + 2, big_endian)) {
	case TIFF_BYTE:
		return entry[8];
	case TIFF_SHORT:
		return get16(entry + 8, big_endian);
	case TIFF_LONG:
		return get32(entry + 8, big_endian);
	default:
		return 0;
	}
}

int32_t exif_orientation(const uint8_t *tiff, size_t len)
{
	if (len < 8)
		return 1;
	bool big_endian = tiff[0] == 'M' && tiff[1] == 'M';
	if (!big_endian && !(tiff[0] == 'I' && tiff[1] == 'I'))
		return 1;
	if (get16(tiff + 2, big_endian) != 42)
		return 1;

	size_t at = get32(tiff + 4, big_endian);
	if (at > len - 2)
		return 1;
	size_t entries = get16(tiff + at, big_endian);
	at += 2;
	for (; entries > 0 && len - at >= ENTRY_BYTES; entries--, at += ENTRY_BYTES) {
		if (get16(tiff + at, big_endian) != TAG_ORIENTATION)
			continue;
		uint32_t value = entry_value(tiff + at, big_endian);
		return value >= 1 && value <= 8 ? (int32_t)value : 1;
	}
	return 1;
}
