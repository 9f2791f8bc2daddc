#include "engine/run/reader.h"
#include "engine/base/pages.h"

#include "engine/base/json_text.h"
#include "engine/run/describe.h"
#include "engine/run/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_JSON_BYTES ((size_t)4 << 20)
#define MAX_PIXELS     16384

enum cnn_status reader_open(struct reader *r, const char *dir, const char *name,
                            struct arena *arena, json_t **root, struct cnn_error *err)
{
	*r = (struct reader){arena_printf(arena, "%s/%s", dir, name), arena, err};
	*root = NULL;
	if (!r->path)
		return cnn_fail_memory(err, name, strlen(dir));
	uint8_t *bytes;
	size_t len;
	enum cnn_status status = file_read(r->path, MAX_JSON_BYTES, true, &bytes, &len, err);
	if (status || !bytes)
		return status;
	json_error_t where;
	json_t *all = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, &where);
	pages_free(bytes);
	if (json_text_missed()) {
		json_decref(all);
		return cnn_fail_memory(err, r->path, len);
	}
	if (!all)
		return cnn_fail(err, CNN_BAD_MODEL, "%s: line %d: %s", r->path, where.line,
		                where.text);
	if (!json_is_object(all)) {
		json_decref(all);
		return cnn_fail(err, CNN_BAD_MODEL, "%s: not a JSON object", r->path);
	}
	*root = all;
	return CNN_OK;
}

enum cnn_status reader_wrong(const struct reader *r, const char *key, const char *want)
{
	return cnn_fail(r->err, CNN_BAD_MODEL, "%s: \"%s\" must be %s", r->path, key, want);
}

const json_t *reader_get(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	return json_is_null(v) ? NULL : v;
}

enum cnn_status reader_string(const struct reader *r, const json_t *object, const char *key,
                              const char **out)
{
	const json_t *v = reader_get(object, key);
	if (!v)
		return CNN_OK;
	if (!json_is_string(v))
		return reader_wrong(r, key, "a string");
	char *copy = arena_strdup(r->arena, json_string_value(v));
	if (!copy)
		return cnn_fail_memory(r->err, r->path, json_string_length(v));
	text_clean(copy);
	*out = copy;
	return CNN_OK;
}

enum cnn_status reader_choice(const struct reader *r, const json_t *object, const char *key,
                              const char *const *choices, const char *text, bool *has, int *out)
{
	const char *word = NULL;
	enum cnn_status status = reader_string(r, object, key, &word);
	if (status || !word)
		return status;
	for (int i = 0; choices[i]; i++) {
		if (strcmp(word, choices[i]) == 0) {
			*has = true;
			*out = i;
			return CNN_OK;
		}
	}
	return reader_wrong(r, key, text);
}

enum cnn_status reader_flag(const struct reader *r, const json_t *object, const char *key,
                            bool *has, bool *out)
{
	const json_t *v = reader_get(object, key);
	if (!v)
		return CNN_OK;
	if (!json_is_boolean(v))
		return reader_wrong(r, key, "true or false");
	*has = true;
	*out = json_is_true(v);
	return CNN_OK;
}

enum cnn_status reader_pixels(const struct reader *r, const json_t *object, const char *key,
                              int32_t *out)
{
	const json_t *v = reader_get(object, key);
	if (!v)
		return CNN_OK;
	if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > MAX_PIXELS)
		return reader_wrong(r, key, "a whole number of pixels, 1 to 16384");
	*out = (int32_t)json_integer_value(v);
	return CNN_OK;
}

enum cnn_status reader_integer(const struct reader *r, const json_t *object, const char *key,
                               int32_t min, int32_t max, bool *has, int32_t *out)
{
	const json_t *v = reader_get(object, key);
	if (!v)
		return CNN_OK;
	if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max) {
		char want[64];
		snprintf(want, sizeof want, "a whole number, %d to %d", (int)min, (int)max);
		return reader_wrong(r, key, want);
	}
	*has = true;
	*out = (int32_t)json_integer_value(v);
	return CNN_OK;
}

enum cnn_status reader_positive(const struct reader *r, const json_t *object, const char *key,
                                bool *has, double *out)
{
	const json_t *v = reader_get(object, key);
	if (!v)
		return CNN_OK;
	double x = json_number_value(v); /* 0 for what is no number */
	if (!(x > 0) || !isfinite(x))
		return reader_wrong(r, key, "a number above 0");
	*has = true;
	*out = x;
	return CNN_OK;
}

enum cnn_status reader_vector(const struct reader *r, const json_t *object, const char *key,
                              bool zero_allowed, double out[3], size_t *n, bool *has)
{
	const json_t *v = reader_get(object, key);
	if (!v)
		return CNN_OK;
	*n = json_is_number(v) ? 1 : json_array_size(v);
	if (*n != 1 && *n != 3)
		return reader_wrong(r, key, "one number or three");
	for (size_t i = 0; i < *n; i++) {
		const json_t *number = json_is_number(v) ? v : json_array_get(v, i);
		if (!json_is_number(number) || !isfinite(json_number_value(number)))
			return reader_wrong(r, key, "numbers");
		out[i] = json_number_value(number);
		if (out[i] == 0 && !zero_allowed)
			return reader_wrong(r, key, "other than 0");
	}
	for (size_t i = *n; i < 3; i++)
		out[i] = out[0];
	*has = true;
	return CNN_OK;
}
