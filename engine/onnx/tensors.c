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

/* Little-endian bytes, as the file and every machine this runs on have them. */
static void fill_raw(const Onnx__TensorProto *t, enum cnn_dtype ours, size_t count, void *data)
{
	const uint8_t *raw = t->raw_data.data;
	if (t->data_type == TYPE(FLOAT16) || t->data_type == TYPE(BFLOAT16)) {
		for (size_t i = 0; i < count; i++) {
			uint16_t bits;
			memcpy(&bits, raw + 2 * i, sizeof bits);
			((float *)data)[i] = sixteen_to_float(t->data_type, bits);
		}
	} else if (t->data_type == TYPE(DOUBLE)) {
		for (size_t i = 0; i < count; i++) {
			double x;
			memcpy(&x, raw + 8 * i, sizeof x);
			((float *)data)[i] = (float)x;
		}
	} else if (ours == CNN_BOOL) {
		for (size_t i = 0; i < count; i++)
			((uint8_t *)data)[i] = raw[i] != 0;
	} else if (count) {
		memcpy(data, raw, count * cnn_dtype_size(ours));
	}
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

enum cnn_status tensor_import(struct graph *g, const Onnx__TensorProto *t, const char *name,
                              value_id *out, struct cnn_error *err)
{
	enum cnn_dtype dtype = CNN_F32;
	enum cnn_status s = tensor_dtype(t->data_type, "tensor", name, &dtype, err);
	if (s)
		return s;
	if (t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL || t->n_external_data)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "tensor '%s': data in another file is not supported", name);
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
	size_t count = 1, have, want;
	for (size_t i = 0; i < t->n_dims; i++)
		count *= (size_t)t->dims[i];
	if (t->has_raw_data) {
		have = t->raw_data.len;
		want = count * file_element_size(t->data_type, dtype);
	} else {
		have = typed_count(t);
		want = count;
	}
	if (have != want)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "tensor '%s': %zu %s of data where its shape needs %zu", name, have,
		                t->has_raw_data ? "bytes" : "elements", want);
	void *data;
	*out = graph_add_constant(g, name, dtype, (int32_t)t->n_dims, t->dims, &data);
	if (*out == NO_VALUE)
		return cnn_fail_memory(err, name, count * cnn_dtype_size(dtype));
	if (t->has_raw_data)
		fill_raw(t, dtype, count, data);
	else
		fill_typed(t, dtype, count, data);
	return CNN_OK;
}
