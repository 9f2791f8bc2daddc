#include "server/oip_model.h"

#include <string.h>

const char *oip_datatype(enum cnn_dtype dtype)
{
	static const char *const names[CNN_DTYPE_COUNT] = {
		[CNN_F32] = "FP32",   [CNN_F16] = "FP16",   [CNN_BF16] = "BF16",
		[CNN_F64] = "FP64",   [CNN_U8] = "UINT8",   [CNN_S8] = "INT8",
		[CNN_U16] = "UINT16", [CNN_S16] = "INT16",  [CNN_U32] = "UINT32",
		[CNN_S32] = "INT32",  [CNN_U64] = "UINT64", [CNN_S64] = "INT64",
		[CNN_BOOL] = "BOOL",
	};
	return names[dtype];
}

int32_t oip_output_dims(const struct cnn_model_info *info, int64_t dim[CNN_MAX_RANK])
{
	/* A network may drop the axis of its batch of one. */
	int32_t skip = info->output.rank > 0 && info->output.dim[0] == 1;
	int32_t rank = info->output.rank - skip;
	memcpy(dim, info->output.dim + skip, (size_t)rank * sizeof *dim);
	return rank;
}

size_t oip_input_bytes(const struct cnn_model_info *info)
{
	size_t bytes = cnn_dtype_size(info->input_dtype);
	for (int32_t i = 0; i < info->input.rank; i++)
		bytes *= (size_t)info->input.dim[i];
	return bytes;
}

static json_t *dims_json(const int64_t *dim, int32_t rank)
{
	json_t *list = json_array();
	for (int32_t i = 0; list && i < rank; i++)
		json_array_append_new(list, json_integer(dim[i]));
	return list;
}

/* Where there may be more than one item the batch is open. */
static json_t *shape_json(const struct cnn_model_info *info, const int64_t *dim, int32_t rank)
{
	json_t *list = dims_json(dim, rank);
	if (list)
		json_array_insert_new(list, 0, json_integer(info->max_batch > 1 ? -1 : 1));
	return list;
}

json_t *oip_model_metadata(const struct cnn_model *model, const char *name)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	int64_t out[CNN_MAX_RANK];
	int32_t out_rank = oip_output_dims(info, out);
	return json_pack("{s:s, s:[s], s:s, s:[{s:s, s:s, s:o}], s:[{s:s, s:s, s:o}]}", "name",
	                 name, "versions", info->version, "platform", "onnx_onnxv1", "inputs",
	                 "name", info->input_name, "datatype", oip_datatype(info->input_dtype),
	                 "shape", shape_json(info, info->input.dim + 1, info->input.rank - 1),
	                 "outputs", "name", info->output_name, "datatype", oip_datatype(CNN_F32),
	                 "shape", shape_json(info, out, out_rank));
}

static json_t *data_type_json(enum cnn_dtype dtype)
{
	return json_sprintf("TYPE_%s", oip_datatype(dtype));
}

json_t *oip_model_config(const struct cnn_model *model, const char *name)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	const char *format = "FORMAT_NONE";
	if (info->takes_pictures)
		format = info->input.dim[1] == info->preprocess.fit.channels ? "FORMAT_NCHW"
		                                                             : "FORMAT_NHWC";
	int64_t out[CNN_MAX_RANK];
	int32_t out_rank = oip_output_dims(info, out);
	return json_pack("{s:s, s:s, s:s, s:I, s:[{s:s, s:o, s:s, s:o}], s:[{s:s, s:o, s:o}]}",
	                 "name", name, "platform", "onnxruntime_onnx", "backend", "onnxruntime",
	                 "max_batch_size", (json_int_t)info->max_batch, "input", "name",
	                 info->input_name, "data_type", data_type_json(info->input_dtype), "format",
	                 format, "dims", dims_json(info->input.dim + 1, info->input.rank - 1),
	                 "output", "name", info->output_name, "data_type", data_type_json(CNN_F32),
	                 "dims", dims_json(out, out_rank));
}
