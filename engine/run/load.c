/* From a path to a model: read, import, decide, optimise, plan. */
#include "engine/base/cpu.h"
#include "engine/base/memory.h"
#include "engine/base/pages.h"
#include "engine/onnx/import.h"
#include "engine/operators/infer.h"
#include "engine/passes/passes.h"
#include "engine/run/digest.h"
#include "engine/run/file.h"
#include "engine/run/huggingface.h"
#include "engine/run/metadata.h"
#include "engine/run/model.h"
#include "engine/run/recognise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* protobuf itself ends at 2 GiB */
#define MAX_MODEL_BYTES ((size_t)2 << 30)

/* What is needed while loading only. */
struct loading {
	struct cnn_model *m;
	const struct cnn_load_options *options;
	const char *dir, *onnx; /* paths; dir is NULL for a file that stands alone */
	struct description description;
	struct assumptions assumed;
	struct graph *g;
	struct onnx_info onnx_info;
	struct graph_layers layers;
	struct pass_log log;
	const char *output_name; /* as the file has it: passes may leave another in its place */
	struct pixel_input pixels;
};

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* PATH is a directory with model.onnx, or the file itself; files beside it count when the file is called so. */
static enum cnn_status find_files(struct loading *l, const char *path, struct cnn_error *err)
{
	struct arena *arena = l->m->arena;
	struct stat st;
	char *clean = arena_strdup(arena, path);
	if (!clean)
		return cnn_fail_memory(err, path, strlen(path));
	for (size_t n = strlen(clean); n > 1 && clean[n - 1] == '/'; n--)
		clean[n - 1] = '\0';
	if (stat(clean, &st) == 0 && S_ISDIR(st.st_mode)) {
		l->dir = clean;
		l->onnx = arena_printf(arena, "%s/model.onnx", clean);
	} else {
		const char *slash = strrchr(clean, '/');
		l->onnx = clean;
		if (strcmp(slash ? slash + 1 : clean, "model.onnx") == 0)
			l->dir = slash ? arena_strndup(arena, clean,
			                               (size_t)(slash - clean) + (slash == clean))
			               : ".";
	}
	return l->onnx ? CNN_OK : cnn_fail_memory(err, path, strlen(path));
}

/* The directory's name, or the file's without ".onnx". */
static const char *default_name(struct loading *l)
{
	struct arena *arena = l->m->arena;
	const char *path = l->dir ? l->dir : l->onnx;
	char *real = NULL;
	if (strcmp(path, ".") == 0 || strcmp(path, "..") == 0)
		path = real = realpath(path, NULL);
	const char *slash = path ? strrchr(path, '/') : NULL;
	char *name = arena_strdup(arena, !path ? "model" : slash && slash[1] ? slash + 1 : path);
	free(real);
	size_t n = name ? strlen(name) : 0;
	if (!l->dir && n > 5 && strcmp(name + n - 5, ".onnx") == 0)
		name[n - 5] = '\0';
	if (name)
		text_clean(name);
	return name;
}

static enum cnn_status read_onnx(struct loading *l, struct cnn_error *err)
{
	uint8_t *bytes;
	size_t len;
	size_t limit = l->m->max_bytes < MAX_MODEL_BYTES ? l->m->max_bytes : MAX_MODEL_BYTES;
	enum cnn_status status = file_read(l->onnx, limit, false, &bytes, &len, err);
	if (status)
		return status;
	struct digest digest;
	digest_begin(&digest, bytes, len);
	l->m->info.file_bytes = (int64_t)len;
	const struct onnx_bounds bounds = {.max_bytes = l->m->max_bytes - len, .beside = l->onnx};
	status = onnx_import_within(&bounds, bytes, len, l->onnx, &l->g, &l->onnx_info, err);
	memcpy(l->m->info.sha256, digest_end(&digest), DIGEST_TEXT_BYTES);
	pages_free(bytes);
	if (!status)
		arena_limit(l->g->arena, l->m->max_bytes);
	return status;
}

/* A file made for batches of a fixed size may have that number in shapes too, where a batch of 1 would mix
 * up one picture's numbers. */
static enum cnn_status check_batch(const struct graph *g, int64_t batch, struct cnn_error *err)
{
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		if (n->dead || (n->op != OP_RESHAPE && n->op != OP_EXPAND))
			continue;
		const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
		if (y->rank > 0 && y->dim[0] == batch && (x->rank == 0 || x->dim[0] != batch))
			return cnn_fail(
				err, CNN_UNSUPPORTED,
				"node '%s': its shape has the graph's fixed batch of %lld in "
				"it; convd runs batches of any size",
				n->name, (long long)batch);
	}
	return CNN_OK;
}

/* Shapes, constants, the layer table, and all that is decided from the graph as the file has it. */
static enum cnn_status understand(struct loading *l, struct cnn_error *err)
{
	struct cnn_model_info *info = &l->m->info;
	const struct value *input = &l->g->value[l->g->input[0]];
	int64_t batch = input->dim[0];
	input_channels_decide(l->g, &l->description, &l->assumed);
	metadata_describe(&l->onnx_info, input, &l->description, &l->assumed);
	enum cnn_status status = input_decide(l->g, &l->description, &l->assumed, err);
	if (!status)
		status = output_pick(l->g, &l->description, &l->assumed, err);
	if (!status)
		status = graph_infer(l->g, err);
	if (status)
		return status;
	graph_sweep(l->g);
	if (batch > 1)
		status = check_batch(l->g, batch, err);
	if (!status)
		status = graph_build_layers(l->g, &l->layers, err);
	if (status)
		return status;
	l->output_name = l->g->value[l->g->output[0]].name;
	if (l->g->value[l->g->output[0]].dtype != CNN_F32)
		return cnn_fail(err, CNN_UNSUPPORTED, "%s: output '%s' is not float32", l->onnx,
		                l->g->value[l->g->output[0]].name);
	recognise_values(l->g, l->onnx_info.producer, &l->description, &l->assumed);
	status = preprocess_decide(l->g, &l->description, &l->assumed, &info->takes_pictures,
	                           &info->preprocess, &l->pixels, err);
	info->activation = activation_decide(l->g, &l->description, &l->assumed);
	return status;
}

static void add_up(int64_t *sum, int64_t term)
{
	if (__builtin_add_overflow(*sum, term, sum))
		*sum = INT64_MAX;
}

static enum cnn_status optimise(struct loading *l, struct cnn_error *err)
{
	static const enum output_activation activations[] = {
		[CNN_OUTPUT_NONE] = OUTPUT_NONE,
		[CNN_OUTPUT_SOFTMAX] = OUTPUT_SOFTMAX,
		[CNN_OUTPUT_SIGMOID] = OUTPUT_SIGMOID,
	};
	struct pass_log *log = &l->log;
	log->n_layers = l->layers.n;
	log->fused_into = arena_alloc(l->g->arena, log->n_layers, sizeof *log->fused_into);
	if (!log->fused_into)
		return cnn_fail_memory(err, "the passes", log->n_layers * sizeof *log->fused_into);
	for (size_t i = 0; i < log->n_layers; i++)
		log->fused_into[i] = NO_LAYER;
	enum cnn_status status = passes_run(l->g, l->options->keep_layers, log, err);
	if (status)
		return status;
	const struct kernels *kernels = kernels_for(l->options->max_isa);
	l->m->isa = kernels->isa;
	struct plan_options plan = {
		.kernels = kernels,
		.max_batch = l->m->max_batch,
		.threads_hint = cpu_count(),
		.max_bytes = l->m->max_bytes - arena_bytes(l->g->arena),
		.l2_bytes = l->options->l2_bytes ? l->options->l2_bytes : cpu_l2_bytes(),
		.keep_layers = l->options->keep_layers,
		.pixels = l->m->info.takes_pictures ? &l->pixels : NULL,
		.activation = activations[l->m->info.activation],
	};
	return plan_new(l->g, &plan, &l->m->plan, err);
}

static struct cnn_shape shape_of(const struct value *v)
{
	struct cnn_shape s = {.rank = v->rank};
	memcpy(s.dim, v->dim, sizeof s.dim);
	return s;
}

/* The row that layer i is part of in the end, or NO_LAYER: what absorbed it may have been absorbed itself.
 * Each row on the way is pointed there, so that a long chain is walked once. */
static uint32_t absorbed_by(const struct pass_log *log, uint32_t i)
{
	uint32_t *into = log->fused_into, last = into[i];
	while (last != NO_LAYER && into[last] != NO_LAYER)
		last = into[last];
	while (into[i] != NO_LAYER && into[i] != last) {
		uint32_t next = into[i];
		into[i] = last;
		i = next;
	}
	return last;
}

/* The graph goes after loading, unless its layers are to be seen: what stays of the layer table moves to the
 * model's arena. */
static bool keep_layers(struct loading *l)
{
	struct cnn_model *m = l->m;
	m->n_layer = l->layers.n;
	m->layer = arena_alloc(m->arena, m->n_layer, sizeof *m->layer);
	if (!m->layer)
		return false;
	for (size_t i = 0; i < m->n_layer; i++) {
		struct cnn_layer *row = &m->layer[i];
		*row = l->layers.row[i];
		row->name = arena_strdup(m->arena, row->name);
		row->op = arena_strdup(m->arena, row->op);
		row->formula = arena_strdup(m->arena, or_empty(row->formula));
		uint32_t *inputs = arena_alloc(m->arena, row->n_inputs + 1, sizeof *inputs);
		if (!row->name || !row->op || !row->formula || !inputs)
			return false;
		for (size_t k = 0; k < row->n_inputs; k++)
			inputs[k] = l->layers.row[i].inputs[k];
		row->inputs = inputs;
		add_up(&m->info.parameters, row->parameters);
		add_up(&m->info.macs, row->macs);
	}
	for (size_t i = 0; i < m->n_layer; i++) {
		uint32_t into = absorbed_by(&l->log, (uint32_t)i);
		m->layer[i].fused_into = into == NO_LAYER ? NULL : m->layer[into].name;
	}
	return true;
}

/* Whether the graph that runs does most of its multiplications on integers. */
static bool mostly_integers(const struct loading *l)
{
	int64_t integers = 0, all = 0;
	for (size_t i = 0; i < l->layers.n; i++)
		add_up(&all, l->layers.row[i].macs);
	for (size_t i = 0; i < l->g->n_node; i++) {
		const struct node *n = &l->g->node[i];
		if (!n->dead && n->op >= OP_QLINEAR_CONV && n->op <= OP_QGEMM &&
		    n->layer < l->layers.n)
			add_up(&integers, l->layers.row[n->layer].macs);
	}
	return integers > all / 2;
}

static enum cnn_status keep_info(struct loading *l, struct cnn_error *err)
{
	struct cnn_model *m = l->m;
	struct cnn_model_info *info = &m->info;
	const struct description *d = &l->description;
	const struct value *in = &l->g->value[l->g->input[0]], *out = &l->g->value[l->g->output[0]];
	info->input_dtype = in->dtype;
	info->path = l->onnx;
	info->name = d->name ? d->name : default_name(l);
	info->version = l->options->version ? arena_strdup(m->arena, l->options->version)
	                : d->version        ? d->version
	                                    : "1";
	info->task = d->task ? d->task : "classify";
	info->source = or_empty(d->source);
	info->licence = or_empty(d->licence);
	info->batching = d->batching;
	info->precision = mostly_integers(l) ? "int8" : "fp32";
	info->ir_version = l->onnx_info.ir_version;
	info->opset = l->onnx_info.opset;
	info->producer = arena_strdup(m->arena, or_empty(l->onnx_info.producer));
	info->input_name = arena_strdup(m->arena, in->name);
	info->output_name = arena_strdup(m->arena, l->output_name);
	info->input = shape_of(in);
	info->output = shape_of(out);
	info->classes = (size_t)graph_elements(out);
	info->labels = m->labels.n;
	info->max_batch = m->max_batch;
	info->weight_bytes = m->plan->weight_bytes;
	info->arena_bytes = m->plan->run_bytes;
	info->live_bytes = m->plan->live_bytes;
	const char **assumed = arena_alloc(m->arena, l->assumed.n + 1, sizeof *assumed);
	if (!info->name || !info->version || !info->producer || !info->input_name ||
	    !info->output_name || !assumed || !keep_layers(l))
		return cnn_fail_memory(err, l->onnx, sizeof *info);
	memcpy(assumed, l->assumed.text, l->assumed.n * sizeof *assumed);
	info->assumed = assumed;
	info->n_assumed = l->assumed.n;
	if (l->options->keep_layers) {
		m->graph = l->g;
		l->g = NULL;
	}
	return CNN_OK;
}

static enum cnn_status read_beside(struct loading *l, struct cnn_error *err)
{
	if (!l->dir)
		return CNN_OK;
	enum cnn_status status = describe_read(l->dir, l->m->arena, &l->description, err);
	if (status)
		return status;
	const char *named = l->description.labels;
	status = labels_read(l->dir, named ? named : "labels.txt", named != NULL, l->m->arena,
	                     &l->m->labels, err);
	if (!status)
		status = huggingface_config(l->dir, l->m->arena, &l->description, &l->m->labels,
		                            &l->assumed, err);
	return status ? status
	              : huggingface_preprocessor(l->dir, l->m->arena, &l->description, &l->assumed,
	                                         err);
}

static enum cnn_status decide_labels(struct loading *l, struct cnn_error *err)
{
	int64_t classes = graph_elements(&l->g->value[l->g->output[0]]);
	if (classes < 1)
		return cnn_fail(err, CNN_BAD_MODEL, "%s: the output is empty", l->onnx);
	if (l->m->labels.n && (int64_t)l->m->labels.n != classes)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "%s: %zu labels, but the model has %lld classes", l->m->labels.by,
		                l->m->labels.n, (long long)classes);
	return l->m->labels.n ? CNN_OK
	                      : metadata_labels(&l->onnx_info, (size_t)classes, l->m->arena,
	                                        &l->assumed, &l->m->labels, err);
}

/* Errors that name only a node or a tensor get the file's name in front. */
static void name_file(struct cnn_error *err, const struct loading *l)
{
	size_t dir = l->dir ? strlen(l->dir) : 0;
	if (!err || !l->onnx || strncmp(err->text, l->onnx, strlen(l->onnx)) == 0 ||
	    (dir && strncmp(err->text, l->dir, dir) == 0 && err->text[dir] == '/'))
		return;
	struct cnn_error inner = *err;
	cnn_fail(err, inner.code, "%s: %s", l->onnx, inner.text);
}

enum cnn_status cnn_model_load(const char *path, const struct cnn_load_options *options,
                               struct cnn_model **out, struct cnn_error *err)
{
	struct loading l = {.options = options};
	if (options->max_batch < 1)
		return cnn_fail(err, CNN_BAD_ARG, "max_batch must be at least 1");
	l.m = calloc(1, sizeof *l.m);
	if (!l.m)
		return cnn_fail_memory(err, path, sizeof *l.m);
	enum cnn_status status = cnn_fail_memory(err, path, sizeof *l.m);
	atomic_init(&l.m->references, 1);
	atomic_init(&l.m->session_bytes, 0);
	l.m->max_batch = (size_t)options->max_batch;
	l.m->max_bytes = options->max_bytes ? options->max_bytes : memory_bytes();
	l.m->arena = l.assumed.arena = arena_new();
	if (!l.m->arena)
		goto done;
	status = find_files(&l, path, err);
	if (!status)
		status = read_beside(&l, err);
	if (!status)
		status = read_onnx(&l, err);
	if (!status)
		status = understand(&l, err);
	if (!status)
		status = decide_labels(&l, err);
	if (!status)
		status = optimise(&l, err);
	if (!status)
		status = keep_info(&l, err);
done:
	graph_free(l.g);
	if (status)
		name_file(err, &l);
	if (status)
		cnn_model_unref(l.m);
	else
		*out = l.m;
	return status;
}
