#include "server/oip_batch.h"
#include "server/json_scan.h"
#include "server/oip_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One batch being read. */
struct reading {
	const struct cnn_model_info *info;
	const struct oip_body *body;
	size_t max;
	struct arena *arena;
	struct oip_batch *batch;
	struct cnn_error *err;
};

/* Say which input an error is about. */
static enum cnn_status name_input(const struct reading *in, enum cnn_status status)
{
	if (!status)
		return CNN_OK;
	struct cnn_error inner = *in->err;
	return cnn_fail(in->err, inner.code, "input '%.100s': %s", in->info->input_name,
	                inner.text);
}

static enum cnn_status check_n(const struct reading *in, int64_t n)
{
	if (n < 1)
		return cnn_fail(in->err, CNN_BAD_ARG, "a batch of %lld", (long long)n);
	if ((uint64_t)n > in->max)
		return cnn_fail(in->err, CNN_BAD_ARG, "a batch of %lld, at most %zu are taken",
		                (long long)n, in->max);
	return CNN_OK;
}

/* "[-1,3,224,224]" */
static void shape_text(const int64_t *dim, int32_t rank, int64_t first, char out[256])
{
	int len = snprintf(out, 256, "[%lld", (long long)first);
	for (int32_t i = 1; i < rank; i++)
		len += snprintf(out + len, 256 - (size_t)len, ",%lld", (long long)dim[i]);
	snprintf(out + len, 256 - (size_t)len, "]");
}

/* The tensor's shape must be the model's but for the batch. */
static enum cnn_status check_shape(const struct reading *in, const struct oip_input *input)
{
	const struct cnn_shape *want = &in->info->input;
	bool same = input->rank == want->rank;
	for (int32_t i = 1; same && i < want->rank; i++)
		same = input->dim[i] == want->dim[i];
	if (same)
		return check_n(in, input->dim[0]);
	char wanted[256], given[256];
	shape_text(want->dim, want->rank, -1, wanted);
	shape_text(input->dim, input->rank, input->rank > 0 ? input->dim[0] : 0, given);
	return cnn_fail(in->err, CNN_BAD_ARG, "its shape is %s, the model's is %s",
	                input->rank > 0 ? given : "[]", wanted);
}

/* The body's part of this length. */
static enum cnn_status check_rest(const struct reading *in, uint64_t wanted)
{
	size_t rest = in->body->len - in->body->json_len;
	return wanted == rest ? CNN_OK
	                      : cnn_fail(in->err, CNN_BAD_ARG,
	                                 "%zu bytes follow the JSON, binary_data_size is %llu",
	                                 rest, (unsigned long long)wanted);
}

/* Where binary tensors are, moved to the body's begin: the JSON before them is done with, and floats must be aligned. */
static const uint8_t *move_rest(const struct reading *in)
{
	const struct oip_body *body = in->body;
	memmove(body->bytes, body->bytes + body->json_len, body->len - body->json_len);
	return body->bytes;
}

static enum cnn_status read_binary_tensor(struct reading *in, const struct oip_input *input)
{
	size_t bytes = in->batch->n * in->batch->tensor_bytes;
	if ((uint64_t)input->binary_size != bytes)
		return cnn_fail(in->err, CNN_BAD_ARG,
		                "binary_data_size is %lld, the shape needs %zu",
		                (long long)input->binary_size, bytes);
	enum cnn_status status = check_rest(in, (uint64_t)input->binary_size);
	if (!status)
		in->batch->tensor = move_rest(in);
	return status;
}

static enum cnn_status read_json_tensor(struct reading *in, const struct oip_span *data)
{
	struct oip_batch *batch = in->batch;
	enum cnn_dtype dtype = in->info->input_dtype;
	size_t bytes = batch->n * batch->tensor_bytes, count = bytes / cnn_dtype_size(dtype);
	/* Each number takes a digit and a comma: a shape that promises too much takes no memory. */
	if (count > (data->len + 1) / 2)
		return cnn_fail(in->err, CNN_BAD_ARG,
		                "\"data\" has fewer elements than the shape's %zu", count);
	batch->owned = malloc(bytes);
	if (!batch->owned)
		return cnn_fail_memory(in->err, "a tensor", bytes);
	batch->tensor = batch->owned;
	return oip_tensor_numbers(data, dtype, count, batch->owned, in->err);
}

static enum cnn_status new_pictures(struct reading *in)
{
	if (!in->info->takes_pictures)
		return cnn_fail(in->err, CNN_BAD_ARG, "the model takes no pictures");
	in->batch->picture = arena_alloc(in->arena, in->batch->n, sizeof *in->batch->picture);
	return in->batch->picture ? CNN_OK : cnn_fail_memory(in->err, "the pictures", in->batch->n);
}

static enum cnn_status read_pictures(struct reading *in, const struct oip_input *input)
{
	struct oip_batch *batch = in->batch;
	int64_t n = 1;
	for (int32_t i = 0; i < input->rank; i++) {
		if (__builtin_mul_overflow(n, input->dim[i], &n))
			return cnn_fail(in->err, CNN_BAD_ARG, "its shape overflows");
	}
	enum cnn_status status = check_n(in, input->rank > 0 ? n : 0);
	if (status)
		return status;
	batch->n = (size_t)n;
	status = new_pictures(in);
	if (!status && input->binary_size < 0)
		return oip_tensor_strings(&input->data, batch->n, in->arena, batch->picture,
		                          in->err);
	if (!status)
		status = check_rest(in, (uint64_t)input->binary_size);
	return status ? status
	              : oip_tensor_elements(in->body->bytes + in->body->json_len,
	                                    (size_t)input->binary_size, batch->n, batch->picture,
	                                    in->err);
}

static enum cnn_status read_input(struct reading *in, const struct oip_input *input)
{
	const char *want = oip_datatype(in->info->input_dtype);
	bool binary = input->binary_size >= 0;
	if (!input->datatype)
		return cnn_fail(in->err, CNN_BAD_ARG, "it has no datatype");
	if (input->rank < 0)
		return cnn_fail(in->err, CNN_BAD_ARG, "it has no shape");
	if (binary && input->data.text)
		return cnn_fail(in->err, CNN_BAD_ARG, "it has both \"data\" and binary_data_size");
	if (!binary && !input->data.text)
		return cnn_fail(in->err, CNN_BAD_ARG, "it has no \"data\"");
	if (!binary && in->body->json_len < in->body->len)
		return cnn_fail(in->err, CNN_BAD_ARG,
		                "%zu bytes follow the JSON, no input has them",
		                in->body->len - in->body->json_len);
	if (strcmp(input->datatype, "BYTES") == 0)
		return read_pictures(in, input);
	if (!binary &&
	    (strcmp(input->datatype, "FP16") == 0 || strcmp(input->datatype, "BF16") == 0))
		return cnn_fail(in->err, CNN_BAD_ARG, "JSON cannot hold %s, send it as binary data",
		                input->datatype);
	if (strcmp(input->datatype, want) != 0)
		return cnn_fail(in->err, CNN_BAD_ARG,
		                "its datatype is '%.20s', the model's is %s%s", input->datatype,
		                want,
		                in->info->takes_pictures ? ", or BYTES for encoded pictures" : "");
	enum cnn_status status = check_shape(in, input);
	if (status)
		return status;
	in->batch->n = (size_t)input->dim[0];
	/* No tensor of a model is larger than 2 GiB, but many might be. */
	size_t bytes;
	if (__builtin_mul_overflow(in->batch->n, in->batch->tensor_bytes, &bytes))
		return cnn_fail(in->err, CNN_BAD_ARG, "its shape overflows");
	return binary ? read_binary_tensor(in, input) : read_json_tensor(in, &input->data);
}

/* All of the body is the one input: a tensor when its size fits, else a picture. */
static enum cnn_status read_raw(struct reading *in)
{
	const struct oip_body *body = in->body;
	in->batch->n = 1;
	if (body->len == in->batch->tensor_bytes) {
		in->batch->tensor = body->bytes;
		return CNN_OK;
	}
	struct image_header header;
	if (!in->info->takes_pictures ||
	    image_probe(body->bytes, body->len, &header, NULL) == CNN_NOT_IMAGE)
		return cnn_fail(in->err, CNN_BAD_ARG,
		                "the body has %zu bytes, the model takes %zu%s", body->len,
		                in->batch->tensor_bytes,
		                in->info->takes_pictures ? ", or an encoded picture" : "");
	enum cnn_status status = new_pictures(in);
	if (!status)
		in->batch->picture[0] = (struct oip_bytes){body->bytes, body->len};
	return status;
}

/* The inputs must be the model's one, the outputs at most its one. */
static enum cnn_status check_tensors(const struct reading *in, const struct oip_request *q)
{
	const struct cnn_model_info *info = in->info;
	for (size_t i = 0; i < q->n_inputs; i++) {
		if (strcmp(q->input[i].name, info->input_name) != 0)
			return cnn_fail(in->err, CNN_BAD_ARG,
			                "the model has no input '%.100s'; it has '%.100s'",
			                q->input[i].name, info->input_name);
	}
	for (size_t i = 0; i < q->n_outputs; i++) {
		if (strcmp(q->output[i].name, info->output_name) != 0)
			return cnn_fail(in->err, CNN_BAD_ARG,
			                "the model has no output '%.100s'; it has '%.100s'",
			                q->output[i].name, info->output_name);
	}
	return CNN_OK;
}

static struct reading begin(const struct cnn_model *model, const struct oip_body *body, size_t max,
                            struct arena *arena, struct oip_batch *batch, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	*batch = (struct oip_batch){.tensor_bytes = oip_input_bytes(info)};
	return (struct reading){info, body, max, arena, batch, err};
}

enum cnn_status oip_batch_read(const struct cnn_model *model, const struct oip_body *body,
                               size_t max, struct arena *arena, struct oip_request *request,
                               struct oip_batch *batch, struct cnn_error *err)
{
	struct reading in = begin(model, body, max, arena, batch, err);
	if (body->raw) {
		*request = (struct oip_request){.binary = true};
		return name_input(&in, read_raw(&in));
	}
	enum cnn_status status =
		oip_request_read((const char *)body->bytes, body->json_len, arena, request, err);
	if (!status)
		status = check_tensors(&in, request);
	return status ? status : name_input(&in, read_input(&in, &request->input[0]));
}

/* --- version 1 -------------------------------------------------------------------------------- */

/* {"b64"} is a picture, and so is {NAME: {"b64"}}, as TensorFlow's models with named inputs have it. */
static bool is_object(const struct oip_span *span)
{
	return span->len > 0 && span->text[0] == '{';
}

static enum cnn_status read_instance_picture(struct reading *in, struct oip_span span,
                                             struct oip_bytes *out)
{
	struct json_scan r;
	char key[SCAN_MAX_KEY];
	scan_init(&r, span.text, span.len, in->err);
	enum cnn_status status = scan_open(&r, '{');
	if (!status && scan_peek(&r) == '"')
		status = scan_key(&r, key);
	if (!status && scan_peek(&r) == '{') {
		const char *begin = r.at;
		status = scan_skip(&r);
		span = (struct oip_span){begin, (size_t)(r.at - begin)};
	}
	return status ? status : oip_tensor_strings(&span, 1, in->arena, out, in->err);
}

enum cnn_status oip_batch_read_v1(const struct cnn_model *model, const struct oip_body *body,
                                  size_t max, struct arena *arena, struct oip_batch *batch,
                                  struct cnn_error *err)
{
	struct reading in = begin(model, body, max, arena, batch, err);
	struct oip_span *span;
	enum cnn_status status = oip_instances_read((const char *)body->bytes, body->json_len, max,
	                                            arena, &span, &batch->n, err);
	if (status)
		return status;
	size_t count = batch->tensor_bytes / cnn_dtype_size(in.info->input_dtype), bytes;
	bool pictures = is_object(&span[0]);
	if (pictures)
		status = new_pictures(&in);
	else if (count > body->len / 2 / batch->n ||
	         __builtin_mul_overflow(batch->n, batch->tensor_bytes, &bytes))
		return cnn_fail(err, CNN_BAD_ARG, "instance 0: fewer than the model's %zu elements",
		                count);
	else if (!(batch->tensor = batch->owned = malloc(bytes)))
		return cnn_fail_memory(err, "the instances", bytes);
	for (size_t i = 0; i < batch->n && !status; i++) {
		if (is_object(&span[i]) != pictures)
			return cnn_fail(err, CNN_BAD_ARG,
			                "instance %zu: pictures and tensors in one request", i);
		if (pictures)
			status = read_instance_picture(&in, span[i], &batch->picture[i]);
		else
			status = oip_tensor_numbers(
				&span[i], in.info->input_dtype, count,
				(uint8_t *)batch->owned + i * batch->tensor_bytes, err);
		if (status) {
			struct cnn_error inner = *err;
			return cnn_fail(err, inner.code, "instance %zu: %s", i, inner.text);
		}
	}
	return status;
}
