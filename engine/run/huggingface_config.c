#include "engine/run/huggingface.h"
#include "engine/run/reader.h"

#include <string.h>

/* A decimal number as Python writes it; SIZE_MAX for anything else. */
static size_t index_of(const char *key)
{
	size_t digits = strspn(key, "0123456789"), n = 0;
	if (digits < 1 || digits > 9 || key[digits] || (digits > 1 && key[0] == '0'))
		return SIZE_MAX;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (size_t)(key[i] - '0');
	return n;
}

/* {"0": "tabby", "1": ...}: a name for each number from 0 on, in any order. */
static enum cnn_status read_labels(const struct reader *r, json_t *object, struct label_list *out)
{
	static const char want[] = "an object with a name for each class, \"0\", \"1\", ...";
	size_t n = json_object_size(object);
	const char **label = arena_alloc(r->arena, n + 1, sizeof *label), *key;
	json_t *name;
	if (!label)
		return cnn_fail_memory(r->err, r->path, n);
	if (!json_is_object(object))
		return reader_wrong(r, "id2label", want);
	json_object_foreach(object, key, name)
	{
		size_t i = index_of(key);
		if (i >= n || !json_is_string(name))
			return reader_wrong(r, "id2label", want);
		char *copy = arena_strdup(r->arena, json_string_value(name));
		if (!copy)
			return cnn_fail_memory(r->err, r->path, json_string_length(name));
		text_clean(copy);
		label[i] = copy;
	}
	*out = (struct label_list){.label = label, .n = n, .by = "config.json"};
	return CNN_OK;
}

static enum cnn_status read_problem(const struct reader *r, const json_t *root,
                                    struct description *d, struct assumptions *assumed)
{
	const char *problem = NULL;
	enum cnn_status status = reader_string(r, root, "problem_type", &problem);
	if (status || !problem || d->has_activation)
		return status;
	if (strcmp(problem, "multi_label_classification") == 0) {
		d->has_activation = true;
		d->activation = CNN_OUTPUT_SIGMOID;
		assume(assumed, "output: a sigmoid for each class, by config.json's problem_type");
	} else if (strcmp(problem, "regression") == 0) {
		d->has_activation = true;
		d->activation = CNN_OUTPUT_NONE;
		assume(assumed, "output: numbers as they are, by config.json's problem_type");
	}
	return CNN_OK;
}

enum cnn_status huggingface_config(const char *dir, struct arena *arena, struct description *d,
                                   struct label_list *labels, struct assumptions *assumed,
                                   struct cnn_error *err)
{
	struct reader r;
	json_t *root;
	enum cnn_status status = reader_open(&r, dir, "config.json", arena, &root, err);
	if (status || !root)
		return status;
	json_t *names = json_object_get(root, "id2label");
	if (!labels->n && names && !json_is_null(names)) {
		status = read_labels(&r, names, labels);
		if (!status)
			assume(assumed, "labels: %zu from config.json's id2label", labels->n);
	}
	if (!status)
		status = read_problem(&r, root, d, assumed);
	if (!status)
		status = reader_pixels(&r, root, "num_channels", &d->input_channels);
	json_decref(root);
	return status;
}
