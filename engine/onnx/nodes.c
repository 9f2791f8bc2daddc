/* nodes.c - the file's nodes: names, outputs, and each as a node of the graph. */
#include "engine/onnx/attributes.h"
#include "engine/onnx/importer.h"
#include "engine/onnx/tensors.h"

#include <string.h>

static const char *op_type(const Onnx__NodeProto *file)
{
	return file->op_type ? file->op_type : "";
}

/* The default domain has two spellings. */
static bool is_default_domain(const char *domain)
{
	return !domain || !domain[0] || strcmp(domain, "ai.onnx") == 0;
}

static bool is_constant_node(const Onnx__NodeProto *file)
{
	return is_default_domain(file->domain) && strcmp(op_type(file), "Constant") == 0;
}

enum cnn_status nodes_name(struct importer *im, struct cnn_error *err)
{
	size_t n = im->file->n_node;
	struct arena *arena = im->g->arena;
	struct name_table used = {0};
	im->node_name = arena_alloc(arena, n, sizeof *im->node_name);
	bool ok = im->node_name != NULL;
	for (size_t i = 0; i < n && ok; i++) {
		im->node_name[i] = names_short(arena, im->file->node[i]->name);
		ok = im->node_name[i] && names_add(&used, im->node_name[i], 0, (uint32_t)i);
	}
	names_sort(&used);
	for (size_t i = 0; i < n && ok; i++) {
		const struct name_entry *first = names_find(&used, im->node_name[i]);
		if (im->node_name[i][0] && first->node == i)
			continue;
		char *type = names_short(arena, im->file->node[i]->op_type);
		char *name = type ? arena_printf(arena, "%s_%zu", type, i) : NULL;
		/* The index makes it unique among made-up names; '_' keeps it off the file's. */
		while (name && names_find(&used, name))
			name = arena_printf(arena, "%s_", name);
		im->node_name[i] = name;
		ok = name != NULL;
	}
	names_free(&used);
	return ok ? CNN_OK : cnn_fail_memory(err, "node names", n * sizeof *im->node_name);
}

/* ScatterElements was called Scatter when there was no ScatterND. */
static const char *present_name(const char *type, bool ours)
{
	return ours && strcmp(type, "Scatter") == 0 ? op_table[OP_SCATTER_ELEMENTS].onnx_name
	                                            : type;
}

static enum cnn_status find_op(const struct importer *im, const Onnx__NodeProto *file,
                               const char *name, enum op *out, struct cnn_error *err)
{
	bool ours = is_default_domain(file->domain);
	const char *wanted = present_name(op_type(file), ours);
	size_t prefix = ours ? 0 : strlen(file->domain);
	for (int op = 0; op < OP_COUNT; op++) {
		const char *full = op_table[op].onnx_name;
		if (!ours && (strncmp(full, file->domain, prefix) != 0 || full[prefix] != '.'))
			continue;
		if (attribute_table[op] && strcmp(full + (ours ? 0 : prefix + 1), wanted) == 0) {
			*out = (enum op)op;
			return CNN_OK;
		}
	}
	char *type = names_short(im->g->arena, file->op_type);
	char *domain = names_short(im->g->arena, file->domain);
	if (!type || !domain)
		return cnn_fail_memory(err, name, 0);
	if (!ours)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': operator %s of the domain %s is not supported", name,
		                type, domain);
	return cnn_fail(err, CNN_UNSUPPORTED,
	                "node '%s': operator %s (opset %lld) is not supported", name, type,
	                (long long)im->opset);
}

/* Inputs or outputs without the empty ones at the end. */
static size_t trimmed(char *const *names, size_t n)
{
	while (n && !names[n - 1][0])
		n--;
	return n;
}

/* How many outputs Split has decides their sizes, with names or without. */
static size_t count_outputs(const Onnx__NodeProto *file, enum op op)
{
	return op == OP_SPLIT ? file->n_output : trimmed(file->output, file->n_output);
}

/* A list of numbers as the constant it is. */
static enum cnn_status add_numbers(struct importer *im, const char *name, enum cnn_dtype dtype,
                                   int32_t rank, size_t n, const void *from, value_id *out,
                                   struct cnn_error *err)
{
	void *data;
	int64_t dim = (int64_t)n;
	*out = graph_add_constant(im->g, name, dtype, rank, &dim, &data);
	if (*out == NO_VALUE)
		return cnn_fail_memory(err, name, n * cnn_dtype_size(dtype));
	if (n)
		memcpy(data, from, n * cnn_dtype_size(dtype));
	return CNN_OK;
}

static enum cnn_status import_constant(struct importer *im, size_t index, const char *value_name,
                                       value_id *out, struct cnn_error *err)
{
	const Onnx__NodeProto *file = im->file->node[index];
	const char *node = im->node_name[index];
	if (file->n_attribute != 1 || !file->attribute[0]->name)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': Constant with %zu attributes", node,
		                file->n_attribute);
	const Onnx__AttributeProto *a = file->attribute[0];
	if (strcmp(a->name, "value") == 0 && a->t)
		return tensor_import(im->g, &im->external, a->t, value_name, out, err);
	if (strcmp(a->name, "value_float") == 0 && a->has_f)
		return add_numbers(im, value_name, CNN_F32, 0, 1, &a->f, out, err);
	if (strcmp(a->name, "value_int") == 0 && a->has_i)
		return add_numbers(im, value_name, CNN_S64, 0, 1, &a->i, out, err);
	if (strcmp(a->name, "value_floats") == 0)
		return add_numbers(im, value_name, CNN_F32, 1, a->n_floats, a->floats, out, err);
	if (strcmp(a->name, "value_ints") == 0)
		return add_numbers(im, value_name, CNN_S64, 1, a->n_ints, a->ints, out, err);
	char *attribute = names_short(im->g->arena, a->name);
	if (!attribute)
		return cnn_fail_memory(err, node, 0);
	return cnn_fail(err, CNN_UNSUPPORTED,
	                "node '%s': attribute %s of Constant is not supported", node, attribute);
}

/* A value for output k, or NO_VALUE for one that the graph does not keep. */
static enum cnn_status declare_output(struct importer *im, size_t index, size_t k, size_t kept,
                                      struct cnn_error *err)
{
	const Onnx__NodeProto *file = im->file->node[index];
	char *name = names_short(im->g->arena, file->output[k]);
	if (!name)
		return cnn_fail_memory(err, im->node_name[index], 0);
	value_id id = NO_VALUE;
	enum cnn_status s = CNN_OK;
	if (is_constant_node(file))
		s = import_constant(im, index, name, &id, err);
	else if (k < kept && (id = graph_add_value(im->g, name)) == NO_VALUE)
		s = cnn_fail_memory(err, name, sizeof(struct value));
	if (!s && !names_add(&im->tensors, file->output[k], id, (uint32_t)index))
		s = cnn_fail_memory(err, name, 0);
	return s;
}

enum cnn_status nodes_declare(struct importer *im, struct cnn_error *err)
{
	for (size_t i = 0; i < im->file->n_node; i++) {
		const Onnx__NodeProto *file = im->file->node[i];
		enum op op = OP_COUNT;
		bool constant = is_constant_node(file);
		enum cnn_status s =
			constant ? CNN_OK : find_op(im, file, im->node_name[i], &op, err);
		if (s)
			return s;
		size_t kept = constant ? 1 : op_table[op].max_out;
		size_t n = count_outputs(file, op);
		if (n == 0 || (constant && n > 1) || (op == OP_SPLIT && n > kept))
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %zu outputs",
			                im->node_name[i], n);
		for (size_t k = 0; k < n && !s; k++)
			if (file->output[k][0])
				s = declare_output(im, i, k, kept, err);
		if (s)
			return s;
	}
	return CNN_OK;
}

static enum cnn_status resolve_inputs(struct importer *im, struct draft *d, struct cnn_error *err)
{
	for (uint32_t k = 0; k < d->n_in; k++) {
		const char *key = d->file->input[k];
		d->in[k] = NO_VALUE;
		if (!key[0])
			continue;
		const struct name_entry *e = names_find(&im->tensors, key);
		if (e && e->id != NO_VALUE) {
			d->in[k] = e->id;
			continue;
		}
		char *name = names_short(im->g->arena, key);
		if (!name)
			return cnn_fail_memory(err, d->name, 0);
		if (!e)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': its input '%s' is not defined", d->name, name);
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': its additional output '%s' is not supported",
		                im->node_name[e->node], name);
	}
	return CNN_OK;
}

static enum cnn_status check_arity(const struct draft *d, struct cnn_error *err)
{
	const struct op_desc *o = &op_table[d->op];
	bool fits = d->n_in >= o->min_in && (d->n_in <= o->max_in || o->max_in == 255);
	uint32_t required = o->max_in == 255 ? d->n_in : o->min_in;
	for (uint32_t k = 0; fits && k < required; k++)
		if (d->in[k] == NO_VALUE)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': input %u of %s is missing",
			                d->name, k, o->onnx_name);
	if (!fits)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s with %u inputs", d->name,
		                o->onnx_name, d->n_in);
	return CNN_OK;
}

static enum cnn_status add_node(struct graph *g, enum op op, const char *name, const value_id *in,
                                uint32_t n_in, uint32_t n_out, node_id *out, struct cnn_error *err)
{
	*out = graph_add_node(g, op, name, n_in, n_out);
	if (*out == NO_NODE)
		return cnn_fail_memory(err, name, sizeof(struct node));
	if (n_in)
		memcpy(g->node[*out].in, in, n_in * sizeof *in);
	return CNN_OK;
}

/* Shape with start or end: the whole shape, and a Slice of it that has the node's output. */
static enum cnn_status add_shape_slice(struct draft *d, value_id whole, node_id *out,
                                       struct cnn_error *err)
{
	struct draft slice = {.g = d->g, .name = d->name};
	value_id in[1 + DRAFT_EXTRA_INPUTS] = {whole};
	slice.in = in;
	slice.n_in = 1;
	enum cnn_status s = draft_add_ints(&slice, 1, "start", &d->shape_start, 1, err);
	if (!s)
		s = draft_add_ints(&slice, 2, "end", &d->shape_end, 1, err);
	char *name = arena_printf(d->g->arena, "%s.slice", d->name);
	if (!s && !name)
		s = cnn_fail_memory(err, d->name, 0);
	return s ? s : add_node(d->g, OP_SLICE, name, in, slice.n_in, 1, out, err);
}

static enum cnn_status set_outputs(struct importer *im, const struct draft *d, node_id id,
                                   struct cnn_error *err)
{
	struct graph *g = im->g;
	for (uint32_t k = 0; k < d->n_out; k++) {
		const char *key = k < d->file->n_output ? d->file->output[k] : "";
		value_id v;
		if (key[0]) {
			v = names_find(&im->tensors, key)->id;
		} else {
			/* An output nobody asked for still needs a place in the node. */
			char *name = arena_printf(g->arena, "%s.%u", d->name, k);
			v = name ? graph_add_value(g, name) : NO_VALUE;
			if (v == NO_VALUE)
				return cnn_fail_memory(err, d->name, sizeof(struct value));
		}
		g->node[id].out[k] = v;
		g->value[v].producer = id;
	}
	return CNN_OK;
}

static enum cnn_status import_node(struct importer *im, size_t index, struct cnn_error *err)
{
	const Onnx__NodeProto *file = im->file->node[index];
	struct draft d = {.g = im->g,
	                  .external = &im->external,
	                  .file = file,
	                  .opset = im->opset,
	                  .name = im->node_name[index]};
	enum cnn_status s = find_op(im, file, d.name, &d.op, err);
	if (s)
		return s;
	size_t n_in = trimmed(file->input, file->n_input);
	size_t n_out = count_outputs(file, d.op), kept = op_table[d.op].max_out;
	d.n_in = (uint32_t)n_in;
	/* One that must be there but has no name is made all the same. */
	n_out = n_out < op_table[d.op].min_out ? op_table[d.op].min_out : n_out;
	d.n_out = (uint32_t)(n_out < kept ? n_out : kept);
	d.in = arena_alloc(im->g->arena, n_in + DRAFT_EXTRA_INPUTS, sizeof *d.in);
	if (!d.in)
		return cnn_fail_memory(err, d.name, n_in * sizeof *d.in);
	s = resolve_inputs(im, &d, err);
	if (!s)
		s = attributes_read(&d, err);
	if (!s)
		s = check_arity(&d, err);
	node_id id;
	if (!s)
		s = add_node(im->g, d.op, d.name, d.in, d.n_in, d.n_out, &id, err);
	if (s)
		return s;
	im->g->node[id].attr = d.attr;
	if (d.slice_shape) {
		value_id whole = graph_add_value(im->g, d.name);
		if (whole == NO_VALUE)
			return cnn_fail_memory(err, d.name, sizeof(struct value));
		im->g->node[id].out[0] = whole;
		im->g->value[whole].producer = id;
		s = add_shape_slice(&d, whole, &id, err);
		if (s)
			return s;
	}
	return set_outputs(im, &d, id, err);
}

enum cnn_status nodes_import(struct importer *im, struct cnn_error *err)
{
	for (size_t i = 0; i < im->file->n_node; i++) {
		enum cnn_status s =
			is_constant_node(im->file->node[i]) ? CNN_OK : import_node(im, i, err);
		if (s)
			return s;
	}
	return CNN_OK;
}
