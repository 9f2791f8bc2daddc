#include "server/error_code.h"

const struct error_code *error_code(enum cnn_status status)
{
	static const struct error_code codes[] = {
		[CNN_NO_MEMORY] = {"out_of_memory", 503},
		[CNN_NOT_IMAGE] = {"image_unsupported", 415},
		[CNN_BAD_IMAGE] = {"image_corrupt", 422},
		[CNN_IMAGE_TOO_LARGE] = {"image_too_large", 422},
	};
	static const struct error_code internal = {"internal", 500};
	if ((size_t)status >= sizeof codes / sizeof codes[0] || !codes[status].code)
		return &internal;
	return &codes[status];
}
