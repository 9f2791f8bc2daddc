#include "engine/base/types.h"

static const struct {
	size_t size;
	const char *name;
} dtypes[CNN_DTYPE_COUNT] = {
#define X(name, bytes, text) [CNN_##name] = {bytes, text},
	CNN_DTYPE_LIST(X)
#undef X
};

size_t cnn_dtype_size(enum cnn_dtype dtype)
{
	return dtypes[dtype].size;
}

const char *cnn_dtype_name(enum cnn_dtype dtype)
{
	return dtypes[dtype].name;
}
