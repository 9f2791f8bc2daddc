/* tensors.c - weights in each of the encodings that ONNX has. */
#include "engine/onnx/tensors.h"

#include <string.h>

#define TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name

enum cnn_status tensor_dtype(int32_t data_type, const char *kind, const char *name,
                             enum cnn_dtype *out, struct cnn_error *err)
{
	static const struct {
		int32_t file;
		enum cnn_dtype ours;
	} known[] = {{TYPE(FLOAT), CNN_F32},    {TYPE(FLOAT16), CNN_F32}, {TYPE(DOUBLE), CNN_F32},
	             {TYPE(BFLOAT16), CNN_F32}, {TYPE(UINT8), CNN_U8},    {TYPE(INT8), CNN_S8},
	             {TYPE(UINT16), CNN_U16},   {TYPE(INT16), CNN_S16},   {TYPE(UINT32), CNN_U32},
	             {TYPE(INT32), CNN_S32},    {TYPE(UINT64), CNN_U64},  {TYPE(INT64), CNN_S64},
	             {TYPE(BOOL), CNN_BOOL}};
	static const struct {
		int32_t file;
		const char *text;
	} refused[] = {{TYPE(STRING), "string"},
	               {TYPE(COMPLEX64), "complex64"},
	               {TYPE(COMPLEX128), "complex128"}};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (known[i].file == data_type) {
			*out = known[i].ours;
			return CNN_OK;
		}
	}
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (refused[i].file == data_type)
			return cnn_fail(err, CNN_UNSUPPORTED, "%s '%s': type %s is not supported",
			                kind, name, refused[i].text);
	return cnn_fail(err, data_type <= 0 ? CNN_BAD_MODEL : CNN_UNSUPPORTED,
	                "%s '%s': element type %d is not known", kind, name, data_type);
}

static float bits_to_float(uint32_t bits)
{
	float f;
	memcpy(&f, &bits, sizeof f);
	return f;
}

static float half_to_float(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
	if (exponent == 31)
		return bits_to_float(sign | 0x7f800000u | mantissa << 13);
	if (exponent == 0) {
		/* Zero, or a subnormal: mantissa * 2^-24, exact in float. */
		float f = (float)mantissa * 0x1p-24f;
		return sign ? -f : f;
	}
	return bits_to_float(sign | (exponent + 112) << 23 | mantissa << 13);
}

static float sixteen_to_float(int32_t type, uint16_t bits)
{
	return type == TYPE(FLOAT16) ? half_to_float(bits) : bits_to_float((uint32_t)bits << 16);
}

static size_t file_element_size(int32_t type, enum cnn_dtype ours)
{
	if (type == TYPE(FLOAT16) || type == TYPE(BFLOAT16))
		return 2;
	return type == TYPE(DOUBLE) ? 8 : cnn_dtype_size(ours);
}

/* Does a number have the same bytes in the file, little-endian, and in memory? */
static bool same_bytes(int32_t type, enum cnn_dtype ours)
{
	return ours != CNN_BOOL && (ours != CNN_F32 || type == TYPE(FLOAT));
}

/* Of numbers that have not. */
static void convert_raw(int32_t type, enum cnn_dtype ours, size_t count, const uint8_t *raw,
                        void *data)
{
	for (size_t i = 0; i < count; i++) {
		uint16_t bits;
		double x;
		if (ours == CNN_BOOL) {
			((uint8_t *)data)[i] = raw[i] != 0;
		} else if (type == TYPE(DOUBLE)) {
			memcpy(&x, raw + 8 * i, sizeof x);
			((float *)data)[i] = (float)x;
		} else {
			memcpy(&bits, raw + 2 * i, sizeof bits);
			((float *)data)[i] = sixteen_to_float(type, bits);
		}
	}
}

static void fill_raw(const Onnx__TensorProto *t, enum cnn_dtype ours, size_t count, void *data)
{
	if (!same_bytes(t->data_type, ours))
		convert_raw(t->data_type, ours, count, t->raw_data.data, data);
	else if (count)
		memcpy(data, t->raw_data.data, count * cnn_dtype_size(ours));
}

static enum cnn_status fill_external(const Onnx__TensorProto *t, struct external_range *range,
                                     enum cnn_dtype ours, size_t count, void *data,
                                     struct cnn_error *err)
{
	uint8_t piece[8192];
	size_t file_size = file_element_size(t->data_type, ours), size = cnn_dtype_size(ours);
	if (same_bytes(t->data_type, ours))
		return external_read(range, data, count * size, err);
	for (size_t i = 0, n; i < count; i += n) {
		n = sizeof piece / file_size < count - i ? sizeof piece / file_size : count - i;
		enum cnn_status s = external_read(range, piece, n * file_size, err);
		if (s)
			return s;
		convert_raw(t->data_type, ours, n, piece, (uint8_t *)data + i * size);
	}
	return CNN_OK;
}

/* How many elements the typed field of this type holds. */
static size_t typed_count(const Onnx__TensorProto *t)
{
	switch (t->data_type) {
	case TYPE(FLOAT):
		return t->n_float_data;
	case TYPE(DOUBLE):
		return t->n_double_data;
	case TYPE(INT64):
		return t->n_int64_data;
	case TYPE(UINT32):
	case TYPE(UINT64):
		return t->n_uint64_data;
	default:
		return t->n_int32_data;
	}
}

static void fill_typed(const Onnx__TensorProto *t, enum cnn_dtype ours, size_t count, void *data)
{
	for (size_t i = 0; i < count; i++) {
		switch (t->data_type) {
		case TYPE(FLOAT):
			((float *)data)[i] = t->float_data[i];
			break;
		case TYPE(DOUBLE):
			((float *)data)[i] = (float)t->double_data[i];
			break;
		case TYPE(FLOAT16):
		case TYPE(BFLOAT16):
			((float *)data)[i] =
				sixteen_to_float(t->data_type, (uint16_t)t->int32_data[i]);
			break;
		case TYPE(INT64):
			((int64_t *)data)[i] = t->int64_data[i];
			break;
		case TYPE(UINT64):
			((uint64_t *)data)[i] = t->uint64_data[i];
			break;
		case TYPE(UINT32):
			((uint32_t *)data)[i] = (uint32_t)t->uint64_data[i];
			break;
		case TYPE(INT32):
			((int32_t *)data)[i] = t->int32_data[i];
			break;
		case TYPE(BOOL):
			((uint8_t *)data)[i] = t->int32_data[i] != 0;
			break;
		default:
			if (cnn_dtype_size(ours) == 1)
				((uint8_t *)data)[i] = (uint8_t)t->int32_data[i];
			else
				((uint16_t *)data)[i] = (uint16_t)t->int32_data[i];
		}
	}
}

static enum cnn_status check_form(const Onnx__TensorProto *t, const char *name,
                                  struct cnn_error *err)
{
	if (t->segment)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "tensor '%s': data in segments is not supported", name);
	if (t->n_dims > CNN_MAX_RANK)
		return cnn_fail(err, CNN_UNSUPPORTED, "tensor '%s': %zu dimensions, more than %d",
		                name, t->n_dims, CNN_MAX_RANK);
	if (!graph_dims_valid((int32_t)t->n_dims, t->dims))
		return cnn_fail(
			err, CNN_BAD_MODEL,
			"tensor '%s': a dimension is negative, or there are over %lld elements",
			name, (long long)GRAPH_MAX_ELEMENTS);
	return CNN_OK;
}

/* Is as much data there as the shape needs? */
static enum cnn_status check_count(const Onnx__TensorProto *t, const char *name, size_t count,
                                   size_t file_bytes, struct cnn_error *err)
{
	size_t have = t->has_raw_data ? t->raw_data.len : typed_count(t);
	size_t want = t->has_raw_data ? file_bytes : count;
	if (have != want)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "tensor '%s': %zu %s of data where its shape needs %zu", name, have,
		                t->has_raw_data ? "bytes" : "elements", want);
	return CNN_OK;
}

enum cnn_status tensor_import(struct graph *g, struct external *external,
                              const Onnx__TensorProto *t, const char *name, value_id *out,
                              struct cnn_error *err)
{
	enum cnn_dtype dtype = CNN_F32;
	struct external_range range;
	enum cnn_status s = tensor_dtype(t->data_type, "tensor", name, &dtype, err);
	if (!s)
		s = check_form(t, name, err);
	if (s)
		return s;
	size_t count = 1;
	for (size_t i = 0; i < t->n_dims; i++)
		count *= (size_t)t->dims[i];
	size_t file_bytes = count * file_element_size(t->data_type, dtype);
	s = external_is(t) ? external_find(external, g->arena, t, name, file_bytes, &range, err)
	                   : check_count(t, name, count, file_bytes, err);
	if (s)
		return s;
	void *data;
	*out = graph_add_constant(g, name, dtype, (int32_t)t->n_dims, t->dims, &data);
	if (*out == NO_VALUE)
		return cnn_fail_memory(err, name, count * cnn_dtype_size(dtype));
	if (external_is(t))
		return fill_external(t, &range, dtype, count, data, err);
	if (t->has_raw_data)
		fill_raw(t, dtype, count, data);
	else
		fill_typed(t, dtype, count, data);
	return CNN_OK;
}
