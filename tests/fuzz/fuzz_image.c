/* fuzz_image.c - any bytes through image_read().
 *
 * The limits are small, so that the fuzzer spends its time on headers and not on pixels. */
#include "engine/image/image.h"
#include "tests/fuzz/target.h"

/* What image.h promises of a result, whatever the bytes. */
static void read_as(const uint8_t *bytes, size_t len, const struct image_fit *fit, bool scaling)
{
	const struct image_limits limits = {2048, 1 << 18};
	struct image out = {0};
	struct image_header header = {0};
	struct cnn_error err = {0};
	enum cnn_status status = image_read(bytes, len, &limits, scaling, fit, &out, &header, &err);
	if (status == CNN_OK) {
		check(out.width == fit->width && out.height == fit->height);
		check(out.channels == fit->channels && out.px);
		check(header.width >= 1 && header.width <= limits.max_side);
		check(header.height >= 1 && header.height <= limits.max_side);
		check(header.orientation >= 1 && header.orientation <= 8);
		/* Every pixel was written: a sanitizer of memory sees a branch on one that was not. */
		size_t n = (size_t)out.width * (size_t)out.height * (size_t)out.channels;
		unsigned sum = 0;
		for (size_t i = 0; i < n; i++)
			sum += out.px[i];
		check(sum <= 255 * n);
	} else {
		check(!out.px && err.code == status && err.text[0] != '\0');
		check(status == CNN_NOT_IMAGE || status == CNN_BAD_IMAGE ||
		      status == CNN_IMAGE_TOO_LARGE || status == CNN_NO_MEMORY);
	}
	image_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct image_fit cut = {24, 16, 3, 28, IMAGE_CROP_CENTER};
	const struct image_fit stretched = {9, 31, 1, 0, IMAGE_CROP_NONE};
	read_as(bytes, len, &cut, true);
	read_as(bytes, len, &stretched, false);
	return 0;
}
