/* branches.c - If: the nodes of the chosen branch take its place.
 *
 * A branch sees the tensors around it, and its own, whose names others may have too: they get new ones. Each branch
 * is taken at most once, so the result is never larger than the file. */
#include "engine/onnx/branches.h"

#include <string.h>

/* Each is decided by an import of a part of the file. */
#define CONDITIONS_MAX 64

/* New names inside a branch. */
struct scope {
	const struct scope *outer;
	struct name_table names; /* id: the index of the new name */
	const char **renamed;
};

struct inliner {
	const struct importer *im;
	Onnx__GraphProto *file; /* the result, up to here */
	size_t cap_node, cap_initializer;
	uint32_t n_if;
};

/* protobuf-c's strings are not const; nothing writes to them. */
static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static bool is_if(const Onnx__NodeProto *n)
{
	return n->op_type && strcmp(n->op_type, "If") == 0 &&
	       (!n->domain || !n->domain[0] || strcmp(n->domain, "ai.onnx") == 0);
}

static const char *resolve(const struct scope *scope, const char *name)
{
	for (const struct scope *s = scope; s && name[0]; s = s->outer) {
		const struct name_entry *e = names_find(&s->names, name);
		if (e)
			return s->renamed[e->id];
	}
	return name;
}

/* Room for one more pointer; the old array stays in the arena. */
static bool grow(struct arena *arena, void *list, size_t n, size_t *cap)
{
	if (n < *cap)
		return true;
	size_t wider = *cap ? *cap * 2 : 64;
	void **grown = arena_alloc(arena, wider, sizeof *grown), **old = *(void ***)list;
	if (!grown)
		return false;
	if (n)
		memcpy(grown, old, n * sizeof *grown);
	*(void ***)list = grown;
	*cap = wider;
	return true;
}

static bool append_node(struct inliner *in, Onnx__NodeProto *n)
{
	Onnx__GraphProto *g = in->file;
	if (!grow(in->im->g->arena, &g->node, g->n_node, &in->cap_node))
		return false;
	g->node[g->n_node++] = n;
	return true;
}

static bool append_initializer(struct inliner *in, const Onnx__TensorProto *tensor,
                               const char *name)
{
	Onnx__GraphProto *g = in->file;
	Onnx__TensorProto *copy = arena_alloc(in->im->g->arena, 1, sizeof *copy);
	if (!copy ||
	    !grow(in->im->g->arena, &g->initializer, g->n_initializer, &in->cap_initializer))
		return false;
	*copy = *tensor;
	copy->name = text(name);
	g->initializer[g->n_initializer++] = copy;
	return true;
}

static char **resolve_all(struct arena *arena, const struct scope *scope, char *const *names,
                          size_t n)
{
	char **list = arena_alloc(arena, n, sizeof *list);
	for (size_t i = 0; list && i < n; i++)
		list[i] = text(resolve(scope, names[i]));
	return list;
}

/* The node as it is seen from outside of its branch. */
static bool emit(struct inliner *in, const struct scope *scope, Onnx__NodeProto *n)
{
	struct arena *arena = in->im->g->arena;
	if (!scope)
		return append_node(in, n);
	Onnx__NodeProto *copy = arena_alloc(arena, 1, sizeof *copy);
	if (!copy)
		return false;
	*copy = *n;
	copy->input = resolve_all(arena, scope, n->input, n->n_input);
	copy->output = resolve_all(arena, scope, n->output, n->n_output);
	return copy->input && copy->output && append_node(in, copy);
}

static bool emit_identity(struct inliner *in, const char *from, const char *to)
{
	struct arena *arena = in->im->g->arena;
	Onnx__NodeProto *n = arena_alloc(arena, 1, sizeof *n);
	char **names = arena_alloc(arena, 2, sizeof *names);
	if (!n || !names)
		return false;
	onnx__node_proto__init(n);
	names[0] = text(from);
	names[1] = text(to);
	n->op_type = text("Identity");
	n->input = &names[0];
	n->output = &names[1];
	n->n_input = n->n_output = 1;
	return append_node(in, n);
}

static Onnx__GraphProto *find_branch(const Onnx__NodeProto *n, const char *name)
{
	for (size_t i = 0; i < n->n_attribute; i++)
		if (n->attribute[i]->name && strcmp(n->attribute[i]->name, name) == 0)
			return n->attribute[i]->g;
	return NULL;
}

static enum cnn_status check_branch(const struct inliner *in, const Onnx__NodeProto *n,
                                    const Onnx__GraphProto *branch, const char *name,
                                    struct cnn_error *err)
{
	if (!branch || branch->n_input || branch->n_output != n->n_output)
		return cnn_fail(
			err, CNN_BAD_MODEL,
			"node '%s': a branch is missing, has inputs, or not the %zu outputs", name,
			n->n_output);
	if (branch->n_sparse_initializer)
		return cnn_fail(err, CNN_UNSUPPORTED, "%s: sparse initializers are not supported",
		                in->im->g->name);
	for (size_t i = 0; i < branch->n_output; i++)
		if (!branch->output[i]->name || !branch->output[i]->name[0])
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': output %zu of its branch has no name", name, i);
	return CNN_OK;
}

/* A new name for what the branch calls `key`. */
static bool rename(struct inliner *in, struct scope *s, size_t *n, const char *key, const char *now)
{
	if (!now)
		now = arena_printf(in->im->g->arena, "%s.if%u", key, in->n_if);
	uint32_t id = (uint32_t)(*n)++;
	s->renamed[id] = now;
	return now && names_add(&s->names, key, id, id);
}

/* All that the branch defines. What a node makes and the branch gives back gets its name around the branch at once:
 * bound[k]; other outputs need a copy. */
static bool open_scope(struct inliner *in, struct scope *s, const Onnx__NodeProto *node,
                       const Onnx__GraphProto *branch, bool *bound)
{
	struct name_table outputs = {0};
	size_t most = branch->n_initializer, n = 0;
	for (size_t i = 0; i < branch->n_node; i++)
		most += branch->node[i]->n_output;
	s->renamed = arena_alloc(in->im->g->arena, most, sizeof *s->renamed);
	bool ok = s->renamed != NULL;
	for (size_t k = 0; k < branch->n_output && ok; k++)
		ok = names_add(&outputs, branch->output[k]->name, (uint32_t)k, (uint32_t)k);
	names_sort(&outputs);
	for (size_t i = 0; i < branch->n_initializer && ok; i++) {
		const char *key = branch->initializer[i]->name;
		ok = rename(in, s, &n, key ? key : "", NULL) &&
		     append_initializer(in, branch->initializer[i], s->renamed[n - 1]);
	}
	for (size_t i = 0; i < branch->n_node && ok; i++) {
		const Onnx__NodeProto *made = branch->node[i];
		for (size_t k = 0; k < made->n_output && ok; k++) {
			const struct name_entry *e = names_find(&outputs, made->output[k]);
			bool binds = e && node->output[e->id][0];
			if (binds)
				bound[e->id] = true;
			ok = !made->output[k][0] ||
			     rename(in, s, &n, made->output[k],
			            binds ? resolve(s->outer, node->output[e->id]) : NULL);
		}
	}
	names_sort(&s->names);
	names_free(&outputs);
	return ok;
}

static enum cnn_status inline_nodes(struct inliner *in, Onnx__NodeProto *const *node, size_t n,
                                    const struct scope *scope, struct cnn_error *err);

static enum cnn_status inline_branch(struct inliner *in, const Onnx__NodeProto *n,
                                     const Onnx__GraphProto *branch, const struct scope *outer,
                                     const char *name, struct cnn_error *err)
{
	struct scope scope = {.outer = outer};
	bool *bound = arena_alloc(in->im->g->arena, n->n_output, sizeof *bound);
	enum cnn_status s = CNN_OK;
	if (!bound || !open_scope(in, &scope, n, branch, bound))
		s = cnn_fail_memory(err, name, 0);
	if (!s)
		s = inline_nodes(in, branch->node, branch->n_node, &scope, err);
	for (size_t k = 0; k < n->n_output && !s; k++)
		if (n->output[k][0] && !bound[k] &&
		    !emit_identity(in, resolve(&scope, branch->output[k]->name),
		                   resolve(outer, n->output[k])))
			s = cnn_fail_memory(err, name, 0);
	names_free(&scope.names);
	return s;
}

static enum cnn_status inline_if(struct inliner *in, const Onnx__NodeProto *n,
                                 const struct scope *scope, struct cnn_error *err)
{
	struct arena *arena = in->im->g->arena;
	const char *name = n->name && n->name[0] ? names_short(arena, n->name)
	                                         : arena_printf(arena, "If_%u", in->n_if);
	bool known = false, value = false;
	if (!name)
		return cnn_fail_memory(err, in->im->g->name, 0);
	if (n->n_input != 1)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': If with %zu inputs", name,
		                n->n_input);
	if (in->n_if++ == CONDITIONS_MAX)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': more than %d operators If are not supported", name,
		                CONDITIONS_MAX);
	enum cnn_status s = condition_evaluate(in->im, in->file, resolve(scope, n->input[0]),
	                                       &known, &value, err);
	if (!s && !known)
		s = cnn_fail(
			err, CNN_UNSUPPORTED,
			"node '%s': the condition of this If does not follow from constants and "
			"shapes",
			name);
	if (s)
		return s;
	const Onnx__GraphProto *branch = find_branch(n, value ? "then_branch" : "else_branch");
	s = check_branch(in, n, branch, name, err);
	return s ? s : inline_branch(in, n, branch, scope, name, err);
}

static enum cnn_status inline_nodes(struct inliner *in, Onnx__NodeProto *const *node, size_t n,
                                    const struct scope *scope, struct cnn_error *err)
{
	enum cnn_status s = CNN_OK;
	for (size_t i = 0; i < n && !s; i++) {
		if (is_if(node[i]))
			s = inline_if(in, node[i], scope, err);
		else if (!emit(in, scope, node[i]))
			s = cnn_fail_memory(err, in->im->g->name, n * sizeof *node);
	}
	return s;
}

enum cnn_status branches_inline(struct importer *im, struct cnn_error *err)
{
	const Onnx__GraphProto *file = im->file;
	bool any = false;
	for (size_t i = 0; i < file->n_node && !any; i++)
		any = is_if(file->node[i]);
	if (!any)
		return CNN_OK;
	struct inliner in = {.im = im, .file = arena_alloc(im->g->arena, 1, sizeof *in.file)};
	if (!in.file)
		return cnn_fail_memory(err, im->g->name, sizeof *in.file);
	*in.file = *file;
	in.file->n_node = 0;
	in.file->n_initializer = 0;
	for (size_t i = 0; i < file->n_initializer; i++) {
		const Onnx__TensorProto *t = file->initializer[i];
		if (!append_initializer(&in, t, t->name))
			return cnn_fail_memory(err, im->g->name, sizeof *t);
	}
	im->file = in.file;
	return inline_nodes(&in, file->node, file->n_node, NULL, err);
}
