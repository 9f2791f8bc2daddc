#include "server/oip_request.h"
#include "server/batch_line.h"
#include "server/json_scan.h"
#include "server/query.h"

#include <string.h>

/* More inputs or outputs than any model here has; a longer list is refused before it takes memory. */
enum { MAX_TENSORS = 64 };

enum cnn_status oip_json_bytes(const char *text, size_t *out, struct cnn_error *err)
{
	uint64_t value;
	enum cnn_status status =
		parse_number("Inference-Header-Content-Length", text, 0, INT64_MAX, &value, err);
	if (!status)
		*out = (size_t)value;
	return status;
}

/* --- members; each is a value of the object that `to` points to ------------------------------ */

struct reading {
	struct json_scan r;
	struct arena *arena;
	bool binary_given; /* of the present output */
};

typedef enum cnn_status member_fn(struct reading *in, void *to);
struct member {
	const char *name;
	member_fn *read;
};

/* Read an object: known members at most once each, others are passed over. */
static enum cnn_status read_members(struct reading *in, const struct member known[], size_t n,
                                    void *to)
{
	uint32_t seen = 0;
	bool first = true;
	enum cnn_status status = scan_open(&in->r, '{');
	while (!status && scan_more(&in->r, '}', &first, &status)) {
		char key[SCAN_MAX_KEY];
		size_t i = 0;
		status = scan_key(&in->r, key);
		while (!status && i < n && strcmp(known[i].name, key) != 0)
			i++;
		if (status)
			break;
		/* null is what some clients write for what is not given */
		if (i == n || scan_peek(&in->r) == 'n') {
			status = scan_skip(&in->r);
			continue;
		}
		if (seen & 1u << i)
			return cnn_fail(in->r.err, CNN_BAD_ARG, "'%s' is given twice", key);
		seen |= 1u << i;
		status = known[i].read(in, to);
	}
	return status;
}
#define READ_MEMBERS(in, known, to) read_members(in, known, sizeof(known) / sizeof((known)[0]), to)

static enum cnn_status read_input_name(struct reading *in, void *to)
{
	return scan_string(&in->r, in->arena, &((struct oip_input *)to)->name, NULL);
}

static enum cnn_status read_datatype(struct reading *in, void *to)
{
	return scan_string(&in->r, in->arena, &((struct oip_input *)to)->datatype, NULL);
}

static enum cnn_status read_shape(struct reading *in, void *to)
{
	struct oip_input *input = to;
	bool first = true;
	input->rank = 0;
	enum cnn_status status = scan_open(&in->r, '[');
	while (!status && scan_more(&in->r, ']', &first, &status)) {
		if (input->rank == CNN_MAX_RANK)
			return cnn_fail(in->r.err, CNN_BAD_ARG, "a shape has more than %d axes",
			                CNN_MAX_RANK);
		int64_t *dim = &input->dim[input->rank++];
		status = scan_integer(&in->r, dim);
		if (!status && *dim < 0)
			return cnn_fail(in->r.err, CNN_BAD_ARG, "a shape has a negative axis, %lld",
			                (long long)*dim);
	}
	return status;
}

static enum cnn_status read_data(struct reading *in, void *to)
{
	struct oip_input *input = to;
	scan_peek(&in->r);
	const char *begin = in->r.at;
	enum cnn_status status = scan_skip(&in->r);
	input->data = (struct oip_span){begin, (size_t)(in->r.at - begin)};
	return status;
}

static enum cnn_status read_binary_size(struct reading *in, void *to)
{
	struct oip_input *input = to;
	enum cnn_status status = scan_integer(&in->r, &input->binary_size);
	if (!status && input->binary_size < 0)
		return cnn_fail(in->r.err, CNN_BAD_ARG, "binary_data_size is negative");
	return status;
}

static enum cnn_status read_input_parameters(struct reading *in, void *to)
{
	static const struct member known[] = {{"binary_data_size", read_binary_size}};
	return READ_MEMBERS(in, known, to);
}

static enum cnn_status read_output_name(struct reading *in, void *to)
{
	return scan_string(&in->r, in->arena, &((struct oip_output *)to)->name, NULL);
}

static enum cnn_status read_classification(struct reading *in, void *to)
{
	struct oip_output *output = to;
	enum cnn_status status = scan_integer(&in->r, &output->classes);
	if (!status && output->classes < 0)
		return cnn_fail(in->r.err, CNN_BAD_ARG, "classification is negative");
	return status;
}

static enum cnn_status read_binary(struct reading *in, void *to)
{
	in->binary_given = true;
	return scan_bool(&in->r, &((struct oip_output *)to)->binary);
}

static enum cnn_status read_output_parameters(struct reading *in, void *to)
{
	static const struct member known[] = {{"classification", read_classification},
	                                      {"binary_data", read_binary}};
	return READ_MEMBERS(in, known, to);
}

/* --- the request ---------------------------------------------------------------------------- */

static enum cnn_status read_inputs(struct reading *in, void *to)
{
	static const struct member known[] = {{"name", read_input_name},
	                                      {"datatype", read_datatype},
	                                      {"shape", read_shape},
	                                      {"data", read_data},
	                                      {"parameters", read_input_parameters}};
	struct oip_request *request = to;
	bool first = true;
	request->input = arena_alloc(in->arena, MAX_TENSORS, sizeof *request->input);
	if (!request->input)
		return cnn_fail_memory(in->r.err, "a request", sizeof *request->input);
	enum cnn_status status = scan_open(&in->r, '[');
	while (!status && scan_more(&in->r, ']', &first, &status)) {
		if (request->n_inputs == MAX_TENSORS)
			return cnn_fail(in->r.err, CNN_BAD_ARG, "more than %d inputs", MAX_TENSORS);
		struct oip_input *input = &request->input[request->n_inputs++];
		*input = (struct oip_input){.rank = -1, .binary_size = -1};
		status = READ_MEMBERS(in, known, input);
	}
	return status;
}

static enum cnn_status read_outputs(struct reading *in, void *to)
{
	static const struct member known[] = {{"name", read_output_name},
	                                      {"parameters", read_output_parameters}};
	struct oip_request *request = to;
	bool first = true;
	request->output = arena_alloc(in->arena, MAX_TENSORS, sizeof *request->output);
	if (!request->output)
		return cnn_fail_memory(in->r.err, "a request", sizeof *request->output);
	enum cnn_status status = scan_open(&in->r, '[');
	while (!status && scan_more(&in->r, ']', &first, &status)) {
		if (request->n_outputs == MAX_TENSORS)
			return cnn_fail(in->r.err, CNN_BAD_ARG, "more than %d outputs",
			                MAX_TENSORS);
		in->binary_given = false;
		struct oip_output *output = &request->output[request->n_outputs++];
		status = READ_MEMBERS(in, known, output);
		output->binary_given = in->binary_given;
	}
	return status;
}

static enum cnn_status read_id(struct reading *in, void *to)
{
	return scan_string(&in->r, in->arena, &((struct oip_request *)to)->id, NULL);
}

static enum cnn_status read_binary_output(struct reading *in, void *to)
{
	return scan_bool(&in->r, &((struct oip_request *)to)->binary);
}

static enum cnn_status read_priority(struct reading *in, void *to)
{
	struct oip_request *request = to;
	int64_t priority;
	enum cnn_status status = scan_integer(&in->r, &priority);
	if (!status && (priority < 0 || priority > BATCH_LAST_PRIORITY))
		return cnn_fail(in->r.err, CNN_BAD_ARG, "priority is not 1, the first, to 9");
	if (!status)
		request->priority = (unsigned)priority;
	return status;
}

static enum cnn_status read_timeout(struct reading *in, void *to)
{
	struct oip_request *request = to;
	enum cnn_status status = scan_integer(&in->r, &request->timeout_us);
	if (!status && request->timeout_us < 0)
		return cnn_fail(in->r.err, CNN_BAD_ARG, "timeout is negative");
	return status;
}

static enum cnn_status read_parameters(struct reading *in, void *to)
{
	static const struct member known[] = {{"binary_data_output", read_binary_output},
	                                      {"priority", read_priority},
	                                      {"timeout", read_timeout}};
	return READ_MEMBERS(in, known, to);
}

static enum cnn_status check_names(const struct oip_request *q, struct cnn_error *err)
{
	for (size_t i = 0; i < q->n_inputs; i++) {
		if (!q->input[i].name)
			return cnn_fail(err, CNN_BAD_ARG, "input %zu has no name", i);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(q->input[i].name, q->input[k].name) == 0)
				return cnn_fail(err, CNN_BAD_ARG, "input '%.100s' is given twice",
				                q->input[i].name);
		}
	}
	for (size_t i = 0; i < q->n_outputs; i++) {
		if (!q->output[i].name)
			return cnn_fail(err, CNN_BAD_ARG, "output %zu has no name", i);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(q->output[i].name, q->output[k].name) == 0)
				return cnn_fail(err, CNN_BAD_ARG, "output '%.100s' is asked twice",
				                q->output[i].name);
		}
	}
	return CNN_OK;
}

enum cnn_status oip_request_read(const char *json, size_t len, struct arena *arena,
                                 struct oip_request *out, struct cnn_error *err)
{
	static const struct member known[] = {{"id", read_id},
	                                      {"parameters", read_parameters},
	                                      {"inputs", read_inputs},
	                                      {"outputs", read_outputs}};
	struct reading in = {.arena = arena};
	*out = (struct oip_request){0};
	scan_init(&in.r, json, len, err);
	enum cnn_status status = READ_MEMBERS(&in, known, out);
	if (!status)
		status = scan_end(&in.r);
	if (!status && out->n_inputs == 0)
		return cnn_fail(err, CNN_BAD_ARG, "the request has no inputs");
	if (!status)
		status = check_names(out, err);
	/* binary_data_output may come after the outputs that it speaks for. */
	for (size_t i = 0; !status && i < out->n_outputs; i++) {
		if (!out->output[i].binary_given)
			out->output[i].binary = out->binary;
	}
	return status;
}

/* --- version 1 -------------------------------------------------------------------------------- */

struct instances {
	struct oip_span *span;
	size_t n, max;
};

static enum cnn_status read_instances(struct reading *in, void *to)
{
	struct instances *list = to;
	bool first = true;
	enum cnn_status status = scan_open(&in->r, '[');
	while (!status && scan_more(&in->r, ']', &first, &status)) {
		if (list->n == list->max)
			return cnn_fail(in->r.err, CNN_BAD_ARG, "more than %zu instances",
			                list->max);
		scan_peek(&in->r);
		const char *begin = in->r.at;
		status = scan_skip(&in->r);
		list->span[list->n++] = (struct oip_span){begin, (size_t)(in->r.at - begin)};
	}
	return status;
}

enum cnn_status oip_instances_read(const char *json, size_t len, size_t max, struct arena *arena,
                                   struct oip_span **out, size_t *n, struct cnn_error *err)
{
	static const struct member known[] = {{"instances", read_instances}};
	struct instances list = {arena_alloc(arena, max, sizeof *list.span), 0, max};
	if (!list.span)
		return cnn_fail_memory(err, "the instances", max * sizeof *list.span);
	struct reading in = {.arena = arena};
	scan_init(&in.r, json, len, err);
	enum cnn_status status = READ_MEMBERS(&in, known, &list);
	if (!status)
		status = scan_end(&in.r);
	if (!status && list.n == 0)
		return cnn_fail(err, CNN_BAD_ARG, "the request has no \"instances\"");
	*out = list.span;
	*n = list.n;
	return status;
}
