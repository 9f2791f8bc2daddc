#include "server/oip_tensor.h"
#include "server/json_scan.h"

#include <float.h>
#include <nettle/base64.h>
#include <string.h>

struct filling {
	struct json_scan r;
	enum cnn_dtype dtype;
	size_t count, n;
	void *numbers;
	struct arena *arena;
	struct oip_bytes *element;
};

static enum cnn_status wrong_count(const struct filling *f, const char *how)
{
	return cnn_fail(f->r.err, CNN_BAD_ARG, "\"data\" has %s elements than the shape's %zu", how,
	                f->count);
}

static enum cnn_status take_number(struct filling *f)
{
	if (f->dtype == CNN_U8) {
		int64_t value;
		enum cnn_status status = scan_integer(&f->r, &value);
		if (status)
			return status;
		if (value < 0 || value > UINT8_MAX)
			return cnn_fail(f->r.err, CNN_BAD_ARG, "element %zu is no UINT8: %lld",
			                f->n, (long long)value);
		((uint8_t *)f->numbers)[f->n++] = (uint8_t)value;
		return CNN_OK;
	}
	double value;
	enum cnn_status status = scan_number(&f->r, &value);
	if (status)
		return status;
	if (value > (double)FLT_MAX || value < -(double)FLT_MAX)
		return cnn_fail(f->r.err, CNN_BAD_ARG, "element %zu is out of FP32's range: %g",
		                f->n, value);
	((float *)f->numbers)[f->n++] = (float)value;
	return CNN_OK;
}

/* Base64 with or without its padding. */
static enum cnn_status decode(struct filling *f, const char *text, size_t len)
{
	struct base64_decode_ctx ctx;
	size_t room = BASE64_DECODE_LENGTH(len), got = room;
	uint8_t *bytes = arena_alloc(f->arena, room, 1);
	if (!bytes)
		return cnn_fail_memory(f->r.err, "a picture", room);
	base64_decode_init(&ctx);
	if (!base64_decode_update(&ctx, &got, bytes, len, text))
		return cnn_fail(f->r.err, CNN_BAD_ARG, "element %zu is not base64", f->n);
	f->element[f->n++] = (struct oip_bytes){bytes, got};
	return CNN_OK;
}

static enum cnn_status take_string(struct filling *f)
{
	const char *text;
	size_t len;
	enum cnn_status status = scan_string(&f->r, f->arena, &text, &len);
	return status ? status : decode(f, text, len);
}

static enum cnn_status take_b64(struct filling *f)
{
	bool first = true, found = false;
	enum cnn_status status = scan_open(&f->r, '{');
	while (!status && scan_more(&f->r, '}', &first, &status)) {
		char key[SCAN_MAX_KEY];
		status = scan_key(&f->r, key);
		if (status)
			break;
		if (strcmp(key, "b64") != 0) {
			status = scan_skip(&f->r);
		} else if (found) {
			return cnn_fail(f->r.err, CNN_BAD_ARG, "'b64' is given twice");
		} else {
			status = take_string(f);
			found = true;
		}
	}
	if (!status && !found)
		return cnn_fail(f->r.err, CNN_BAD_ARG, "element %zu has no \"b64\"", f->n);
	return status;
}

static enum cnn_status take_value(struct filling *f)
{
	char c = scan_peek(&f->r);
	if (c == '[') {
		bool first = true;
		enum cnn_status status = scan_open(&f->r, '[');
		while (!status && scan_more(&f->r, ']', &first, &status))
			status = take_value(f);
		return status;
	}
	if (f->n == f->count)
		return wrong_count(f, "more");
	if (!f->element)
		return take_number(f);
	return c == '{' ? take_b64(f) : take_string(f);
}

static enum cnn_status fill(struct filling *f, const struct oip_span *data, struct cnn_error *err)
{
	scan_init(&f->r, data->text, data->len, err);
	enum cnn_status status = take_value(f);
	if (!status)
		status = scan_end(&f->r);
	if (!status && f->n < f->count)
		return wrong_count(f, "fewer");
	return status;
}

enum cnn_status oip_tensor_numbers(const struct oip_span *data, enum cnn_dtype dtype, size_t count,
                                   void *out, struct cnn_error *err)
{
	struct filling f = {.dtype = dtype, .count = count, .numbers = out};
	return fill(&f, data, err);
}

enum cnn_status oip_tensor_strings(const struct oip_span *data, size_t count, struct arena *arena,
                                   struct oip_bytes out[], struct cnn_error *err)
{
	struct filling f = {.count = count, .arena = arena, .element = out};
	return fill(&f, data, err);
}

enum cnn_status oip_tensor_elements(const uint8_t *bytes, size_t len, size_t count,
                                    struct oip_bytes out[], struct cnn_error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (len < 4)
			return cnn_fail(err, CNN_BAD_ARG, "element %zu of %zu is missing", i,
			                count);
		uint32_t size = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
		                (uint32_t)bytes[3] << 24;
		bytes += 4;
		len -= 4;
		if (size > len)
			return cnn_fail(err, CNN_BAD_ARG,
			                "element %zu has %u bytes, but only %zu are left", i, size,
			                len);
		out[i] = (struct oip_bytes){bytes, size};
		bytes += size;
		len -= size;
	}
	return len == 0 ? CNN_OK
	                : cnn_fail(err, CNN_BAD_ARG, "%zu bytes follow the last element", len);
}
