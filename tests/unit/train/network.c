/* A network beside its gradients: inference, running statistics, the way from the file and back, and what is refused. */
#include "engine/train/block.h"
#include "engine/train/layers.h"
#include "tests/unit/train/problem.h"

static void draw_normed(struct sketch *s)
{
	draw_conv(s, 12, square_window(3, 1, 1), true);
	draw_norm(s);
	draw_relu(s);
	draw_dropout(s, 0.5);
	draw_norm(s);
	draw_pool(s, OP_MAX_POOL, square_window(2, 2, 0));
	draw_flatten(s);
	draw_gemm(s, 5, true, true);
	draw_norm(s);
	draw_matmul(s, 4);
}

static const struct trial normed = {"normed", draw_normed, .n = 7};

/* Without training a norm goes by its running statistics and a dropout drops nothing. */
static void inference(void)
{
	for (uint64_t seed = 0; seed < 5; seed++)
		for (int isa = 0; isa <= (int)cpu_isa(); isa++) {
			struct problem p = {.t = &normed, .seed = seed};
			draw_problem(&p);
			p.r.training = false;
			const double *want = reference_run(&p.r);
			struct network *net = network_of(&p, (enum cnn_isa)isa, NULL);
			const struct pass_run run = {.n = normed.n};
			float *stats = zeros(net->n_stats, sizeof *stats);
			memcpy(stats, net->stats, net->n_stats * sizeof *stats);
			fill_input(&p, net);
			network_prepare(net, false);
			network_forward(net, &run);
			const float *got = net->feature[net->output].x;
			for (size_t i = 0; i < normed.n * p.classes; i++)
				if (fabs((double)got[i] - want[i]) > 1e-4)
					fail(&p, (enum cnn_isa)isa, "an output", (double)got[i],
					     want[i]);
			CHECK(memcmp(stats, net->stats, net->n_stats * sizeof *stats) == 0);
			free(stats);
			network_free(net);
			problem_free(&p);
		}
}

/* A tenth of the way to each batch's mean and unbiased variance. */
static void check_statistics(const struct problem *p, const struct node *n)
{
	const struct value *x = &p->g->value[n->in[0]];
	size_t channels = (size_t)x->dim[1], pixels = elements(&p->r, n->in[0]) / channels,
	       count = p->t->n * pixels;
	const float *mean = p->g->value[n->in[3]].data, *variance = p->g->value[n->in[4]].data;
	for (size_t c = 0; c < channels; c++) {
		double sum = 0, squares = 0;
		for (size_t i = 0; i < count; i++) {
			double v = p->r.whole[n->in[0]]
			                     [(i / pixels * channels + c) * pixels + i % pixels];
			sum += v;
			squares += v * v;
		}
		double unbiased = (squares - sum * sum / (double)count) / (double)(count - 1);
		CHECK_NEAR(mean[c], 0.9 * p->r.constant[n->in[3]][c] + 0.1 * sum / (double)count,
		           1e-5);
		CHECK_NEAR(variance[c], 0.9 * p->r.constant[n->in[4]][c] + 0.1 * unbiased, 1e-5);
	}
}

static void running_statistics(void)
{
	for (int isa = 0; isa <= (int)cpu_isa(); isa++) {
		struct problem p = {.t = &normed, .seed = 1};
		draw_problem(&p);
		reference_run(&p.r);
		struct network *net = network_of(&p, (enum cnn_isa)isa, NULL);
		step(&p, net);
		network_to_graph(net, net->w, net->stats, p.g);
		for (size_t i = 0; i < p.g->n_node; i++)
			if (p.g->node[i].op == OP_BATCH_NORM)
				check_statistics(&p, &p.g->node[i]);
		network_free(net);
		problem_free(&p);
	}
}

static void draw_every_order(struct sketch *s)
{
	struct window_attr grouped = square_window(3, 1, 1), depthwise = grouped;
	draw_conv(s, 6, square_window(2, 1, 0), true);
	grouped.group = 3;
	draw_conv(s, 9, grouped, false);
	depthwise.group = 9;
	draw_conv(s, 9, depthwise, true);
	draw_norm(s);
	draw_flatten(s);
	draw_gemm(s, 8, false, true);
	draw_gemm(s, 7, true, false);
	draw_matmul(s, 3);
}

/* All weights and statistics come back as they went. */
static void to_the_graph_and_back(void)
{
	const struct trial t = {"orders", draw_every_order, 3, 4, 5, .n = 1};
	struct problem p = {.t = &t};
	draw_problem(&p);
	struct network *a = network_of(&p, CNN_ISA_PORTABLE, NULL);
	float *w = zeros(a->n_w, sizeof *w), *stats = zeros(a->n_stats, sizeof *stats);
	for (size_t i = 0; i < a->n_w; i++)
		w[i] = (float)i;
	for (size_t i = 0; i < a->n_stats; i++)
		stats[i] = (float)i + 0.5f;
	network_to_graph(a, w, stats, p.g);
	struct network *b = network_of(&p, CNN_ISA_PORTABLE, NULL);
	CHECK_INT(a->n_w, b->n_w);
	CHECK(memcmp(b->w, w, a->n_w * sizeof *w) == 0);
	CHECK(memcmp(b->stats, stats, a->n_stats * sizeof *stats) == 0);
	free(w);
	free(stats);
	network_free(a);
	network_free(b);
	problem_free(&p);
}

static void draw_padded_pool(struct sketch *s)
{
	draw_conv(s, 5, square_window(1, 1, 0), true);
	draw_pool(s, OP_MAX_POOL, square_window(1, 1, 2));
	draw_pool(s, OP_GLOBAL_MAX_POOL, (struct window_attr){0});
	draw_flatten(s);
}

/* Windows that see nothing but padding have no maximum, and leave the gradient of the map alone. */
static void windows_in_padding(void)
{
	const struct trial t = {"padded pool", draw_padded_pool, 2, 4, 3, .n = 2};
	struct problem p = {.t = &t};
	draw_problem(&p);
	struct network *net = network_of(&p, CNN_ISA_PORTABLE, NULL);
	step(&p, net);
	const struct pass_run run = {.n = t.n, .training = true};
	struct layer *l = &net->layer[1];
	CHECK(l->kind == &pool_kind);
	struct feature *in = &net->feature[l->in], *out = &net->feature[l->out];
	float *x = zeros(t.n * in->floats, sizeof *x);
	memcpy(x, in->x, t.n * in->floats * sizeof *x);
	CHECK_INT(out->h, 8);
	CHECK(out->x[0] == -INFINITY);
	in->g_written = false;
	for (size_t i = 0; i < t.n * out->floats; i++)
		out->g[i] = 1;
	l->kind->backward(net, l, &run);
	for (size_t i = 0; i < t.n * in->floats; i++)
		CHECK(in->g[i] == 1);
	CHECK(memcmp(x, in->x, t.n * in->floats * sizeof *x) == 0);
	free(x);
	network_free(net);
	problem_free(&p);
}

static void draw_large_maps(struct sketch *s)
{
	struct window_attr depthwise = square_window(3, 1, 1);
	depthwise.group = 32;
	draw_conv(s, 32, square_window(1, 1, 0), true);
	draw_relu(s);
	value_id start = s->at;
	draw_conv(s, 32, square_window(3, 1, 1), false);
	draw_add(s, s->at, start);
	draw_relu(s);
	draw_conv(s, 32, depthwise, true);
	draw_conv(s, 32, square_window(3, 2, 1), true);
	draw_pool(s, OP_GLOBAL_AVERAGE_POOL, (struct window_attr){0});
	draw_flatten(s);
	draw_gemm(s, 4, true, true);
}

/* Pictures first .. first + n - 1 of the problem. */
static void step_of(const struct problem *p, struct network *net, size_t first, size_t n)
{
	struct feature *in = &net->feature[net->input], *out = &net->feature[net->output];
	const struct pass_run run = {.n = n, .training = true};
	fill_input(p, net);
	memmove(in->x, in->x + first * in->floats, n * in->floats * sizeof *in->x);
	network_forward(net, &run);
	for (size_t i = 0; i < n * p->classes; i++)
		out->g[i] = (float)p->target[first * p->classes + i];
	network_backward(net, &run);
}

/* Slices of two pictures whose copies do not fit into a cache, so that they are made one by one: like two batches of
 * half as many pictures, a slice for each. */
static void large_pictures(void)
{
	enum { HALF = 8 };
	const struct trial t = {"large maps", draw_large_maps, 2, 75, 93, .n = 2 * HALF};
	struct problem p = {.t = &t};
	draw_problem(&p);
	struct network *net = network_of(&p, cpu_isa(), NULL);
	float *sum = zeros(net->n_w, sizeof *sum), *out = zeros(t.n * p.classes, sizeof *out);
	CHECK_INT(net->slices, HALF);
	network_prepare(net, true);
	for (size_t first = 0; first < t.n; first += HALF) {
		step_of(&p, net, first, HALF);
		for (size_t i = 0; i < net->n_w; i++)
			sum[i] += net->grad[i];
		memcpy(out + first * p.classes, net->feature[net->output].x,
		       HALF * p.classes * sizeof *out);
	}
	step_of(&p, net, 0, t.n);
	CHECK(memcmp(out, net->feature[net->output].x, t.n * p.classes * sizeof *out) == 0);
	for (size_t k = 0; k < net->n_weights; k++) {
		const struct weights *w = &net->weights[k];
		double largest = 0;
		for (size_t i = w->at; i < w->at + w->n; i++)
			largest = fmax(largest, fabs((double)sum[i]));
		for (size_t i = w->at; i < w->at + w->n; i++)
			CHECK_NEAR(net->grad[i], sum[i], 1e-5 * largest);
	}
	free(sum);
	free(out);
	network_free(net);
	problem_free(&p);
}

/* --- what is refused --------------------------------------------------------------------------------- */

static void norm_of_a_flattened_map(struct sketch *s)
{
	draw_conv(s, 3, square_window(1, 1, 0), true);
	draw_flatten(s);
	draw_norm(s);
}

static void concat_of_flattened_maps(struct sketch *s)
{
	draw_conv(s, 3, square_window(1, 1, 0), true);
	draw_flatten(s);
	draw_concat(s, (value_id[]){s->at, s->at}, 2);
}

static void sum_of_a_row_and_a_map(struct sketch *s)
{
	draw_conv(s, 3, square_window(1, 1, 0), true);
	draw_flatten(s);
	value_id flat = s->at;
	draw_gemm(s, dim_of(s, 1), true, true);
	draw_add(s, s->at, flat);
}

static void flattened_output(struct sketch *s)
{
	draw_conv(s, 3, square_window(1, 1, 0), true);
	draw_flatten(s);
}

static void nothing_to_learn(struct sketch *s)
{
	draw_flatten(s);
}

static void shared_weights(struct sketch *s)
{
	draw_conv(s, dim_of(s, 1), square_window(1, 1, 0), false);
	const struct node *n = &s->g->node[0];
	draw(s, OP_CONV, (value_id[]){s->at, n->in[1]}, 2, &n->attr);
	draw_pool(s, OP_GLOBAL_AVERAGE_POOL, (struct window_attr){0});
}

static void shared_statistics(struct sketch *s)
{
	int64_t c = dim_of(s, 1);
	value_id in[] = {s->at, row(s, c, 1, 0), row(s, c, 0, 0), row(s, c, 0, 0), NO_VALUE};
	in[4] = in[1];
	draw(s, OP_BATCH_NORM, in, 5, NULL);
	draw_pool(s, OP_GLOBAL_AVERAGE_POOL, (struct window_attr){0});
}

static void no_gradient(struct sketch *s)
{
	draw_pool(s, OP_GLOBAL_AVERAGE_POOL, (struct window_attr){0});
	draw(s, OP_TANH, &s->at, 1, NULL);
}

static void refusals(void)
{
	static const struct {
		sketch_fn *draw;
		const char *part;
		int32_t side;
	} list[] = {
		{norm_of_a_flattened_map, "not one constant for each channel", 4},
		{concat_of_flattened_maps, "joins flattened maps", 4},
		{sum_of_a_row_and_a_map, "adds a flattened map", 4},
		{flattened_output, "not one row of numbers", 4},
		{nothing_to_learn, "not one row of numbers", 1},
		{shared_weights, "used twice", 4},
		{shared_statistics, "used twice", 4},
		{no_gradient, "Tanh cannot be trained", 4},
	};
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
		struct sketch s = sketch_new(i, 2, list[i].side, list[i].side);
		struct network *net = NULL;
		struct cnn_error err = {0};
		list[i].draw(&s);
		build_output(s.g, s.at);
		s.g->name = "sketch";
		enum cnn_status status = network_new(s.g, 2, CNN_ISA_PORTABLE, NULL, &net, &err);
		if (status != CNN_UNSUPPORTED || !strstr(err.text, list[i].part))
			fprintf(stderr, "%zu: \"%s\", want \"%s\"\n", i, err.text, list[i].part);
		CHECK_INT(status, CNN_UNSUPPORTED);
		CHECK(strstr(err.text, list[i].part) != NULL);
		graph_free(s.g);
	}
}

/* Where a map has one position a row is a map. */
static void rows_are_maps_of_a_pixel(void)
{
	static sketch_fn *const list[] = {norm_of_a_flattened_map, concat_of_flattened_maps,
	                                  sum_of_a_row_and_a_map, flattened_output};
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
		const struct trial t = {"row", list[i], 2, 1, 1, .n = 3};
		struct problem p = {.t = &t, .seed = i};
		draw_problem(&p);
		const double *want = reference_run(&p.r);
		struct network *net = network_of(&p, CNN_ISA_PORTABLE, NULL);
		step(&p, net);
		for (size_t k = 0; k < t.n * p.classes; k++)
			CHECK_NEAR(net->feature[net->output].x[k], want[k], 1e-4);
		network_free(net);
		problem_free(&p);
	}
}

TEST_MAIN({"inference", inference}, {"running_statistics", running_statistics},
          {"to_the_graph_and_back", to_the_graph_and_back},
          {"windows_in_padding", windows_in_padding}, {"large_pictures", large_pictures},
          {"refusals", refusals}, {"rows_are_maps_of_a_pixel", rows_are_maps_of_a_pixel})
