/* Convolutions and pools of every geometry at each level that runs here, planned and run: against the
 * formulas in double precision, and in batches, which must give what single pictures give bit for bit. */
#include "engine/passes/passes.h"
#include "engine/plan/plan.h"
#include "tests/kernels/rows.h"
#include "tests/unit/graph/build.h"

enum { BATCH = 8, SEEDS = 250, QUICK_SEEDS = 60 };

/* One node on an input [1][channels][height][width]; what `random` made of a seed. */
struct problem {
	enum op op;
	int64_t channels, height, width, out_channels;
	struct window_attr window;
	bool bias, residual;
	struct activation activation;
	uint32_t seed;
	/* filled by problem_graph() */
	int64_t out_height, out_width;
	const float *weights, *biases;
	struct graph *graph;
};

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 9;
}

static int32_t between(uint32_t *seed, int32_t low, int32_t high)
{
	return low + (int32_t)(next(seed) % (uint32_t)(high - low + 1));
}

static float *numbers(size_t n, uint32_t seed)
{
	float *x = malloc((n + 1) * sizeof *x);
	CHECK(x != NULL);
	for (size_t i = 0; i < n; i++)
		x[i] = (float)next(&seed) / (1 << 22) - 1;
	return x;
}

static void random_window(struct problem *p, uint32_t *seed)
{
	struct window_attr *w = &p->window;
	*w = (struct window_attr){.group = 1, .spatial = 2};
	for (int i = 0; i < 2; i++) {
		int64_t in = i ? p->width : p->height;
		w->kernel[i] = between(seed, 1, 5);
		w->stride[i] = between(seed, 1, 3);
		w->dilation[i] = between(seed, 0, 3) ? 1 : between(seed, 2, 3);
		int32_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
		w->pad[i] = between(seed, 0, extent - 1);
		w->pad[i + 2] = between(seed, 0, extent - 1);
		if (in + w->pad[i] + w->pad[i + 2] < extent)
			w->pad[i + 2] = extent;
	}
}

/* The same size in and out, so that the input can be added to the output. */
static void same_size(struct problem *p)
{
	p->out_channels = p->channels;
	p->residual = true;
	for (int i = 0; i < 2; i++) {
		p->window.kernel[i] |= 1;
		p->window.stride[i] = 1;
		p->window.pad[i] = p->window.pad[i + 2] =
			p->window.kernel[i] / 2 * p->window.dilation[i];
	}
}

static void random_conv(struct problem *p, uint32_t *seed)
{
	static const int64_t widths[] = {1, 3, 8, 15, 16, 17, 32, 33, 48, 70};
	p->op = OP_CONV;
	p->out_channels = widths[next(seed) % COUNT(widths)];
	int32_t style = between(seed, 0, 5);
	if (style == 0) { /* depthwise, or with a multiplier */
		p->window.group = (int32_t)p->channels;
		p->out_channels = p->channels * between(seed, 1, 2);
	} else if (style == 1 && p->channels % 2 == 0) {
		p->window.group = 2;
		p->out_channels *= 2;
	} else if (style == 2) { /* one kernel over every pixel */
		for (int i = 0; i < 2; i++) {
			p->window.kernel[i] = p->window.stride[i] = 1;
			p->window.pad[i] = p->window.pad[i + 2] = 0;
		}
	}
	if (between(seed, 0, 2) == 0)
		same_size(p);
	p->bias = next(seed) % 2;
	static const struct activation activations[] = {
		{ACT_NONE, 0, 0},       {ACT_CLAMP, 0, INFINITY},
		{ACT_CLAMP, 0, 1},      {ACT_LEAKY, 0.1f, 0},
		{ACT_SIGMOID, 0, 0},    {ACT_SILU, 0, 0},
		{ACT_HARD_SWISH, 0, 0}, {ACT_HARD_SIGMOID, 0.2f, 0.5f},
		{ACT_GELU, 0, 0},       {ACT_GELU_TANH, 0, 0},
		{ACT_MISH, 0, 0},
	};
	p->activation = activations[next(seed) % COUNT(activations)];
}

static struct problem problem_of(uint32_t seed)
{
	static const int64_t channels[] = {1, 3, 4, 16, 17, 24, 64, 65, 70};
	struct problem p = {.seed = seed};
	p.channels = p.out_channels = channels[next(&seed) % COUNT(channels)];
	p.height = between(&seed, 1, 9);
	p.width = between(&seed, 1, 12);
	random_window(&p, &seed);
	switch (next(&seed) % 8) {
	case 0:
		p.op = OP_MAX_POOL;
		p.window.pad[next(&seed) % 4] += 2; /* there are windows that see no input */
		break;
	case 1:
		p.op = OP_AVERAGE_POOL;
		p.window.count_include_pad = next(&seed) % 2;
		break;
	case 2:
		p.op = next(&seed) % 2 ? OP_GLOBAL_MAX_POOL : OP_GLOBAL_AVERAGE_POOL;
		p.window = (struct window_attr){.kernel = {(int32_t)p.height, (int32_t)p.width},
		                                .stride = {1, 1},
		                                .dilation = {1, 1}};
		break;
	default:
		random_conv(&p, &seed);
		break;
	}
	p.window.ceil_mode = p.op != OP_CONV && next(&seed) % 2;
	return p;
}

static value_id add_constant(struct graph *g, int32_t rank, const int64_t *dim, uint32_t seed,
                             const float **out)
{
	void *data;
	value_id id = graph_add_constant(g, "constant", CNN_F32, rank, dim, &data);
	CHECK(id != NO_VALUE);
	size_t n = (size_t)graph_elements(&g->value[id]);
	float *x = numbers(n, seed);
	memcpy(data, x, n * sizeof *x);
	free(x);
	*out = data;
	return id;
}

static void problem_graph(struct problem *p)
{
	const struct window_attr *w = &p->window;
	struct graph *g = p->graph = build_graph();
	value_id in[3] = {build_input(g, CNN_F32, LIST(1, p->channels, p->height, p->width)),
	                  NO_VALUE, NO_VALUE};
	if (p->op == OP_CONV) {
		const int64_t dim[] = {p->out_channels, p->channels / w->group, w->kernel[0],
		                       w->kernel[1]};
		in[1] = add_constant(g, 4, dim, p->seed + 1, &p->weights);
		if (p->bias)
			in[2] = add_constant(g, 1, dim, p->seed + 2, &p->biases);
	}
	struct node *n = build_node(g, p->op, in, p->op == OP_CONV ? 3 : 1, 1);
	n->layer = NO_LAYER;
	n->attr.window = *w;
	n->activation = p->activation;
	if (p->residual)
		n->residual = in[0];
	build_output(g, n->out[0]);
	infer(g);
	p->out_height = graph_out(g, n)->dim[2];
	p->out_width = graph_out(g, n)->dim[3];
	struct pass_log log = {0};
	struct cnn_error err;
	CHECK_INT(passes_run(g, true, &log, &err), CNN_OK);
}

/* --- the formulas */

static double activated(const struct activation *a, double x)
{
	const double lo = (double)a->lo, hi = (double)a->hi;
	switch (a->kind) {
	case ACT_NONE:
		break;
	case ACT_CLAMP:
		return fmin(fmax(x, lo), hi);
	case ACT_LEAKY:
		return x < 0 ? lo * x : x;
	case ACT_SIGMOID:
		return 1 / (1 + exp(-x));
	case ACT_SILU:
		return x / (1 + exp(-x));
	case ACT_HARD_SWISH:
		return x * fmin(fmax(x / 6 + 0.5, 0), 1);
	case ACT_HARD_SIGMOID:
		return fmin(fmax(lo * x + hi, 0), 1);
	case ACT_GELU:
		return x * (1 + erf(x / sqrt(2))) / 2;
	case ACT_GELU_TANH:
		return x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x))) / 2;
	case ACT_MISH:
		return x * tanh(log1p(exp(x)));
	}
	return x;
}

/* The input at a tap of an output position; `*counts` is whether an average that counts padding
 * counts the place. NULL outside of the picture. */
static const float *tap_of(const struct problem *p, const float *x, int64_t c, int64_t oy,
                           int64_t ox, int64_t ky, int64_t kx, bool *counts)
{
	const struct window_attr *w = &p->window;
	int64_t iy = oy * w->stride[0] - w->pad[0] + ky * w->dilation[0];
	int64_t ix = ox * w->stride[1] - w->pad[1] + kx * w->dilation[1];
	*counts = iy < p->height + w->pad[2] && ix < p->width + w->pad[3];
	if (iy < 0 || iy >= p->height || ix < 0 || ix >= p->width)
		return NULL;
	return x + (c * p->height + iy) * p->width + ix;
}

/* *size gets the sum of the magnitudes, which the rounding errors are in proportion to. */
static double expected(const struct problem *p, const float *x, int64_t o, int64_t oy, int64_t ox,
                       double *size)
{
	const struct window_attr *w = &p->window;
	bool convolves = p->op == OP_CONV, counts;
	int64_t depth = convolves ? p->channels / w->group : 1, count = 0;
	int64_t first = convolves ? o / (p->out_channels / w->group) * depth : o;
	double sum = 0, max = -INFINITY;
	*size = 0;
	for (int64_t c = 0; c < depth; c++)
		for (int64_t ky = 0; ky < w->kernel[0]; ky++)
			for (int64_t kx = 0; kx < w->kernel[1]; kx++) {
				const float *tap = tap_of(p, x, first + c, oy, ox, ky, kx, &counts);
				count += tap || (w->count_include_pad && counts);
				if (!tap)
					continue;
				double value = (double)*tap;
				max = fmax(max, value);
				if (convolves)
					value *=
						(double)p->weights[((o * depth + c) * w->kernel[0] +
					                            ky) * w->kernel[1] +
					                           kx];
				sum += value;
				*size += fabs(value);
			}
	if (p->op == OP_MAX_POOL || p->op == OP_GLOBAL_MAX_POOL)
		return max;
	if (!convolves)
		return count ? sum / (double)count : 0;
	if (p->bias)
		sum += (double)p->biases[o];
	if (p->residual)
		sum += (double)x[(o * p->height + oy) * p->width + ox];
	*size += 2;
	return activated(&p->activation, sum);
}

/* --- the runs */

struct machine {
	struct plan *plan;
	struct run run;
};

static struct machine machine_new(const struct problem *p, const struct kernels *kernels,
                                  size_t max_batch, size_t threads)
{
	struct machine m = {0};
	struct cnn_error err;
	const struct plan_options options = {
		.kernels = kernels, .max_batch = max_batch, .threads_hint = threads};
	CHECK_INT(plan_new(p->graph, &options, &m.plan, &err), CNN_OK);
	m.run.pool = threads > 1 ? cnn_pool_new(threads) : NULL;
	m.run.scratch_stride = m.plan->scratch_bytes;
	m.run.arena = aligned_alloc(ARENA_ALIGN, m.plan->run_bytes + ARENA_ALIGN);
	m.run.scratch = aligned_alloc(ARENA_ALIGN, threads * m.plan->scratch_bytes + ARENA_ALIGN);
	CHECK(m.run.arena && m.run.scratch);
	/* What was never written must not reach the result. */
	memset(m.run.arena, 0xff, m.plan->run_bytes);
	return m;
}

static void machine_free(struct machine *m)
{
	cnn_pool_free(m->run.pool);
	free(m->run.arena);
	free(m->run.scratch);
	plan_free(m->plan);
}

static void fail(const struct problem *p, enum cnn_isa isa, const char *what)
{
	const struct window_attr *w = &p->window;
	fprintf(stderr,
	        "seed %u, %s: %s %lldx%lldx%lld -> %lld, kernel %dx%d stride %d,%d dilation %d,%d "
	        "pad "
	        "%d,%d,%d,%d group %d: %s\n",
	        p->seed, cpu_isa_name(isa), op_table[p->op].onnx_name, (long long)p->channels,
	        (long long)p->height, (long long)p->width, (long long)p->out_channels, w->kernel[0],
	        w->kernel[1], w->stride[0], w->stride[1], w->dilation[0], w->dilation[1], w->pad[0],
	        w->pad[1], w->pad[2], w->pad[3], w->group, what);
	exit(TEST_EXIT_FAILED);
}

/* Picture by picture, then together, then together on two threads. */
static void check_level(const struct problem *p, enum cnn_isa isa)
{
	const struct kernels kernels = level_kernels(isa);
	size_t in = (size_t)(p->channels * p->height * p->width);
	size_t plane = (size_t)(p->out_height * p->out_width);
	size_t out = (size_t)p->out_channels * plane;
	float *x = numbers(BATCH * in, p->seed + 3), *single = numbers(BATCH * out, 0),
	      *together = numbers(BATCH * out, 0);

	struct machine m = machine_new(p, &kernels, 1, 1);
	for (size_t i = 0; i < BATCH; i++) {
		m.run.input = (const void *[]){x + i * in};
		m.run.output = (void *[]){single + i * out};
		CHECK_INT(plan_run(m.plan, &m.run, 1, NULL, NULL, NULL), CNN_OK);
	}
	machine_free(&m);
	for (size_t threads = 1; threads <= 2; threads++) {
		m = machine_new(p, &kernels, BATCH, threads);
		m.run.input = (const void *[]){x};
		m.run.output = (void *[]){together};
		CHECK_INT(plan_run(m.plan, &m.run, BATCH, NULL, NULL, NULL), CNN_OK);
		machine_free(&m);
		if (memcmp(single, together, BATCH * out * sizeof *single) != 0)
			fail(p, isa, "a batch differs from single pictures");
	}

	int64_t taps = p->channels * p->window.kernel[0] * p->window.kernel[1];
	for (size_t i = 0; i < 2 * out; i++) {
		size_t o = i % out / plane, at = i % plane;
		double size,
			want = expected(p, x + i / out * in, (int64_t)o, (int64_t)at / p->out_width,
		                        (int64_t)at % p->out_width, &size);
		double got = (double)single[i], limit = 1e-7 * (double)(taps + 8) * size;
		if (!(got == want || fabs(got - want) <= limit)) {
			fprintf(stderr, "[%zu][%zu][%zu] is %.9g, want %.9g\n", i / out, o, at, got,
			        want);
			fail(p, isa, "differs from the formula");
		}
	}
	free(x);
	free(single);
	free(together);
}

static void windows(void)
{
	bool seen[OP_COUNT] = {false};
	uint32_t seeds = getenv("CONVD_TEST_QUICK") ? QUICK_SEEDS : SEEDS;
	for (uint32_t seed = 1; seed <= seeds; seed++) {
		struct problem p = problem_of(seed * 7919);
		seen[p.op] = true;
		problem_graph(&p);
		for (enum cnn_isa isa = 0; isa < CNN_ISA_COUNT; isa++)
			if (level_runs(isa))
				check_level(&p, isa);
		graph_free(p.graph);
	}
	CHECK(seen[OP_CONV] && seen[OP_MAX_POOL] && seen[OP_AVERAGE_POOL] &&
	      seen[OP_GLOBAL_MAX_POOL] && seen[OP_GLOBAL_AVERAGE_POOL]);
}

TEST_MAIN({"windows", windows})
