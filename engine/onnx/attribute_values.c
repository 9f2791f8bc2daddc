/* attribute_values.c - typed access to a node's attributes, and attributes turned into inputs. */
#include "engine/onnx/attributes.h"
#include "engine/onnx/names.h"

#include <string.h>

#define TYPE(name) ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name

/* NULL when absent; marks it as read. */
static const Onnx__AttributeProto *find(struct draft *d, const char *name)
{
	for (size_t i = 0; i < d->file->n_attribute; i++) {
		const Onnx__AttributeProto *a = d->file->attribute[i];
		if (!a->name || strcmp(a->name, name) != 0)
			continue;
		d->read |= (uint64_t)1 << i;
		return a;
	}
	return NULL;
}

/* Files from before the type field leave it out. */
static enum cnn_status check_type(const struct draft *d, const Onnx__AttributeProto *a,
                                  Onnx__AttributeProto__AttributeType type, bool present,
                                  struct cnn_error *err)
{
	bool untyped = !a->has_type || a->type == TYPE(UNDEFINED);
	if (a->ref_attr_name && a->ref_attr_name[0])
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': attribute %s refers to a function's", d->name, a->name);
	if ((untyped && !present) || (!untyped && a->type != type))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute %s has the wrong type",
		                d->name, a->name);
	return CNN_OK;
}

enum cnn_status attribute_int(struct draft *d, const char *name, int64_t *out, bool *found,
                              struct cnn_error *err)
{
	const Onnx__AttributeProto *a = find(d, name);
	enum cnn_status s = a ? check_type(d, a, TYPE(INT), a->has_i, err) : CNN_OK;
	if (a && !s)
		*out = a->i;
	if (found)
		*found = a != NULL;
	return s;
}

enum cnn_status attribute_bool(struct draft *d, const char *name, bool *out, struct cnn_error *err)
{
	int64_t value = *out;
	enum cnn_status s = attribute_int(d, name, &value, NULL, err);
	if (!s && value != 0 && value != 1)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute %s is %lld, not 0 or 1",
		                d->name, name, (long long)value);
	*out = value == 1;
	return s;
}

enum cnn_status attribute_float(struct draft *d, const char *name, float *out, bool *found,
                                struct cnn_error *err)
{
	const Onnx__AttributeProto *a = find(d, name);
	enum cnn_status s = a ? check_type(d, a, TYPE(FLOAT), a->has_f, err) : CNN_OK;
	if (a && !s)
		*out = a->f;
	if (found)
		*found = a != NULL;
	return s;
}

enum cnn_status attribute_ints(struct draft *d, const char *name, const int64_t **out, size_t *n,
                               bool *found, struct cnn_error *err)
{
	const Onnx__AttributeProto *a = find(d, name);
	enum cnn_status s = a ? check_type(d, a, TYPE(INTS), a->n_ints > 0, err) : CNN_OK;
	if (a && !s) {
		*out = a->ints;
		*n = a->n_ints;
	}
	if (found)
		*found = a != NULL;
	return s;
}

enum cnn_status attribute_tensor(struct draft *d, const char *name, const Onnx__TensorProto **out,
                                 struct cnn_error *err)
{
	const Onnx__AttributeProto *a = find(d, name);
	enum cnn_status s = a ? check_type(d, a, TYPE(TENSOR), a->t != NULL, err) : CNN_OK;
	*out = a && !s ? a->t : NULL;
	if (a && !s && !a->t)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute %s is empty", d->name,
		                name);
	return s;
}

enum cnn_status attribute_text(struct draft *d, const char *name, const char **out,
                               struct cnn_error *err)
{
	const Onnx__AttributeProto *a = find(d, name);
	enum cnn_status s = a ? check_type(d, a, TYPE(STRING), a->has_s, err) : CNN_OK;
	*out = NULL;
	if (!a || s)
		return s;
	*out = arena_strndup(d->g->arena, a->s.data ? (const char *)a->s.data : "", a->s.len);
	return *out ? CNN_OK : cnn_fail_memory(err, d->name, a->s.len);
}

enum cnn_status attribute_choice(struct draft *d, const char *name, const char *const *choices,
                                 int n, int *out, struct cnn_error *err)
{
	const Onnx__AttributeProto *a = find(d, name);
	enum cnn_status s = a ? check_type(d, a, TYPE(STRING), a->has_s, err) : CNN_OK;
	if (!a || s)
		return s;
	for (int i = 0; i < n; i++) {
		if (strlen(choices[i]) == a->s.len && !memcmp(choices[i], a->s.data, a->s.len)) {
			*out = i;
			return CNN_OK;
		}
	}
	char *raw = arena_strndup(d->g->arena, a->s.data ? (const char *)a->s.data : "", a->s.len);
	char *text = names_short(d->g->arena, raw);
	if (!raw || !text)
		return cnn_fail_memory(err, d->name, a->s.len);
	return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': %s \"%s\" is not supported", d->name,
	                name, text);
}

void attribute_ignore(struct draft *d, const char *name)
{
	find(d, name);
}

enum cnn_status draft_add_value(struct draft *d, uint32_t slot, value_id value,
                                struct cnn_error *err)
{
	if (slot < d->n_in && d->in[slot] != NO_VALUE)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': an attribute and input %u say the same", d->name, slot);
	while (d->n_in <= slot)
		d->in[d->n_in++] = NO_VALUE;
	d->in[slot] = value;
	return CNN_OK;
}

static enum cnn_status add_constant(struct draft *d, uint32_t slot, const char *what,
                                    enum cnn_dtype dtype, int32_t rank, int64_t n, const void *from,
                                    struct cnn_error *err)
{
	void *data;
	size_t bytes = (size_t)n * cnn_dtype_size(dtype);
	char *name = arena_printf(d->g->arena, "%s.%s", d->name, what);
	value_id id = name ? graph_add_constant(d->g, name, dtype, rank, &n, &data) : NO_VALUE;
	if (id == NO_VALUE)
		return cnn_fail_memory(err, d->name, bytes);
	if (bytes)
		memcpy(data, from, bytes);
	return draft_add_value(d, slot, id, err);
}

enum cnn_status draft_add_ints(struct draft *d, uint32_t slot, const char *what,
                               const int64_t *ints, size_t n, struct cnn_error *err)
{
	return add_constant(d, slot, what, CNN_S64, 1, (int64_t)n, ints, err);
}

enum cnn_status draft_add_float(struct draft *d, uint32_t slot, const char *what, float value,
                                struct cnn_error *err)
{
	return add_constant(d, slot, what, CNN_F32, 0, 1, &value, err);
}
