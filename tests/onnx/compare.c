/* compare.c - what came out against what the suite wants. */
#include "tests/onnx/case.h"

#include "onnx.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Those of onnx/backend/test/runner; numpy's assert_allclose adds them up so. */
#define RELATIVE 1e-3
#define ABSOLUTE 1e-7

/* From here on a half rounds to infinity. */
#define HALF_OVERFLOW 65520.0

/* How far the expected value may be from the exact one because its own type rounded it. */
static double rounding(int32_t file_type)
{
	if (file_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16)
		return 0x1p-11;
	return file_type == ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16 ? 0x1p-8 : 0;
}

static bool close_to(double got, double want, int32_t file_type)
{
	if (isnan(want) || isnan(got))
		return isnan(want) && isnan(got);
	if (isinf(want) && file_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16)
		return want > 0 ? got >= HALF_OVERFLOW : got <= -HALF_OVERFLOW;
	if (isinf(want) || isinf(got))
		return want == got;
	return fabs(got - want) <= ABSOLUTE + (RELATIVE + rounding(file_type)) * fabs(want);
}

static bool same_element(const struct tensor *want, const void *data, size_t i)
{
	size_t size = cnn_dtype_size(want->value.dtype);
	if (want->value.dtype != CNN_F32)
		return memcmp((const char *)data + i * size,
		              (const char *)want->value.data + i * size, size) == 0;
	return close_to((double)((const float *)data)[i],
	                (double)((const float *)want->value.data)[i], want->file_type);
}

static void print_element(enum cnn_dtype dtype, const void *data, size_t i, char *out, size_t size)
{
#define AS(kind, type, format)                                        \
	case CNN_##kind:                                              \
		snprintf(out, size, format, ((const type *)data)[i]); \
		break
	switch (dtype) {
		AS(U8, uint8_t, "%u");
		AS(BOOL, uint8_t, "%u");
		AS(S8, int8_t, "%d");
		AS(U16, uint16_t, "%u");
		AS(S16, int16_t, "%d");
		AS(U32, uint32_t, "%u");
		AS(S32, int32_t, "%d");
	case CNN_U64:
		snprintf(out, size, "%llu", (unsigned long long)((const uint64_t *)data)[i]);
		break;
	case CNN_S64:
		snprintf(out, size, "%lld", (long long)((const int64_t *)data)[i]);
		break;
	default:
		snprintf(out, size, "%.9g", (double)((const float *)data)[i]);
	}
#undef AS
}

static void print_shape(const struct value *v, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "%s[", cnn_dtype_name(v->dtype));
	for (int32_t i = 0; i < v->rank && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, i ? ",%lld" : "%lld",
		                      (long long)v->dim[i]);
	if (n < size)
		snprintf(out + n, size - n, "]");
}

static bool same_shape(const struct value *a, const struct value *b)
{
	bool same = a->dtype == b->dtype && a->rank == b->rank;
	for (int32_t i = 0; same && i < a->rank; i++)
		same = a->dim[i] == b->dim[i];
	return same;
}

bool tensor_matches(const struct tensor *want, const struct value *got, const void *data, char *why,
                    size_t size)
{
	const struct value *v = &want->value;
	char have[160], need[160];
	if (!same_shape(v, got)) {
		print_shape(got, have, sizeof have);
		print_shape(v, need, sizeof need);
		snprintf(why, size, "%s: is %s, want %s", v->name, have, need);
		return false;
	}
	size_t n = (size_t)graph_elements(v), wrong = 0, first = 0;
	for (size_t i = 0; i < n; i++)
		if (!same_element(want, data, i) && wrong++ == 0)
			first = i;
	if (wrong == 0)
		return true;
	print_element(v->dtype, data, first, have, sizeof have);
	print_element(v->dtype, v->data, first, need, sizeof need);
	snprintf(why, size, "%s: %zu of %zu elements differ; element %zu is %s, want %s", v->name,
	         wrong, n, first, have, need);
	return false;
}
