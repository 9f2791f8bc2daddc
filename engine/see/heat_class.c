/* heat_class.c - a class as people name it. */
#include "engine/see/heat.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One of the names of a label: "tabby, tabby cat" has two. */
static bool has_name(const char *label, const char *text)
{
	size_t n = strlen(text);
	for (const char *name = label; *name; name += *name == ',') {
		name += strspn(name, " ");
		size_t length = strcspn(name, ",");
		if (length == n && strncasecmp(name, text, n) == 0)
			return true;
		name += length;
	}
	return strcasecmp(label, text) == 0;
}

/* The only class whose label satisfies; *n is how many do. */
static int64_t only_class(const struct cnn_model *model, const char *text, bool whole, size_t *n)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	int64_t found = -1;
	*n = 0;
	for (size_t c = 0; c < info->labels; c++) {
		const char *label = cnn_model_label(model, c);
		if (whole ? has_name(label, text) : strcasestr(label, text) != NULL) {
			found = found < 0 ? (int64_t)c : found;
			++*n;
		}
	}
	return found;
}

enum cnn_status heat_class(const struct cnn_model *model, const char *text, int64_t *out,
                           struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	char *end;
	size_t n, part;
	if (!text || !*text) {
		*out = -1;
		return CNN_OK;
	}
	*out = only_class(model, text, true, &n);
	if (n == 1)
		return CNN_OK;
	unsigned long number = strtoul(text, &end, 10);
	if (!n && *text >= '0' && *text <= '9' && !*end) {
		*out = (int64_t)number;
		if (number < info->classes)
			return CNN_OK;
		return cnn_fail(err, CNN_BAD_ARG, "model '%s' has no class %.20s, only 0..%zu",
		                info->name, text, info->classes - 1);
	}
	int64_t like = only_class(model, text, false, &part);
	if (!n && part == 1) {
		*out = like;
		return CNN_OK;
	}
	n = n ? n : part;
	if (!n)
		return cnn_fail(err, CNN_BAD_ARG, "model '%s' has no class '%.100s'", info->name,
		                text);
	like = *out >= 0 ? *out : like;
	return cnn_fail(err, CNN_BAD_ARG,
	                "model '%s' has %zu classes called '%.100s', the first is %lld, '%.100s'",
	                info->name, n, text, (long long)like, cnn_model_label(model, (size_t)like));
}
