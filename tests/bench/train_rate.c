/* train_rate [ARCH [SIZE [BATCH [THREADS]]]] - how fast one training step is: forward, backward and update, counted as
 * three times the forward multiply-adds, against the peak of the cores. With LAYERS=1 a row for each layer. */
#include "engine/base/cpu.h"
#include "engine/cnn.h"
#include "engine/train/arch.h"
#include "engine/train/block.h"
#include "engine/train/network.h"
#include "engine/train/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLASSES = 10, MAX_LAYERS = 512 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double forward_s[MAX_LAYERS], backward_s[MAX_LAYERS], prepare_s, rest_s;

/* network_forward() and network_backward(), with a clock. */
static void step(struct network *net, const struct pass_run *run)
{
	double start = now(), end;
	network_prepare(net, true);
	prepare_s += (end = now()) - start;
	start = end;
	for (size_t i = 0; i < net->n_layer; i++, start = end) {
		net->layer[i].kind->forward(net, &net->layer[i], run);
		forward_s[i] += (end = now()) - start;
	}
	memset(net->grad, 0, net->slices * net->n_w * sizeof *net->grad);
	for (size_t i = 0; i < net->n_feature; i++)
		net->feature[i].g_written = false;
	net->feature[net->output].g_written = true;
	rest_s += (end = now()) - start;
	start = end;
	for (size_t i = net->n_layer; i-- > 0; start = end) {
		net->layer[i].kind->backward(net, &net->layer[i], run);
		backward_s[i] += (end = now()) - start;
	}
	for (size_t s = 1; s < net->slices; s++)
		average_towards(1, 0, NULL, NULL);
	rest_s += now() - start;
}

static void print_layers(const struct network *net, size_t n, int steps, double peak)
{
	printf("  %-28s %9s %9s %9s %7s\n", "layer", "MMACs", "forward", "backward", "% peak");
	for (size_t i = 0; i < net->n_layer; i++) {
		const struct layer *l = &net->layer[i];
		double macs = 0;
		const char *how = "";
		if (l->kind == &block_kind) {
			const struct block *b = l->detail;
			if (b->has_conv) {
				macs = (double)b->conv.weights * b->conv.s.out[0] *
				       b->conv.s.out[1];
				how = b->conv.winograd && b->conv.winograd_back ? "Winograd"
				      : b->conv.winograd                        ? "Winograd forward"
				      : b->conv.winograd_back ? "Winograd backward"
				      : b->conv.depthwise     ? "depthwise"
				                              : "";
			}
		}
		double f = forward_s[i] / steps, g = backward_s[i] / steps;
		printf("  %-28s %9.2f %7.2fms %7.2fms %6.0f%% %s\n", l->name, macs * 1e-6, 1e3 * f,
		       1e3 * g, 100 * 6e-9 * macs * (double)n / (f + g) / peak, how);
	}
	printf("  packing weights %.2f ms, rest %.2f ms\n", 1e3 * prepare_s / steps,
	       1e3 * rest_s / steps);
}

int main(int argc, char **argv)
{
	const char *arch = argc > 1 ? argv[1] : "resnet20";
	struct arch_input input = {
		.size = argc > 2 ? atoi(argv[2]) : 32, .channels = 3, .classes = CLASSES};
	size_t batch = argc > 3 ? (size_t)atoi(argv[3]) : 128;
	size_t threads = argc > 4 ? (size_t)atoi(argv[4]) : cpu_count();
	struct cnn_pool *pool = cnn_pool_new(threads);
	struct graph *g = NULL;
	struct network *net = NULL;
	struct cnn_error err;
	if (!pool || arch_build(arch, &input, &g, &err) ||
	    network_new(g, batch, CNN_ISA_COUNT - 1, pool, &net, &err) ||
	    net->n_layer > MAX_LAYERS) {
		fprintf(stderr, "train_rate: %s\n", err.text);
		return 1;
	}
	struct feature *in = &net->feature[net->input], *out = &net->feature[net->output];
	for (size_t i = 0; i < batch * in->floats; i++)
		in->x[i] = (float)(i * 2654435761u % 1000) / 500 - 1;
	for (size_t i = 0; i < batch * out->floats; i++)
		out->g[i] = (float)(i * 40503u % 1000) / 500000 - 1e-3f;
	const struct pass_run run = {.n = batch, .training = true, .seed = 1};
	double peak = cnn_peak_gflops(cpu_isa()) * (double)threads;
	step(net, &run);
	memset(forward_s, 0, sizeof forward_s);
	memset(backward_s, 0, sizeof backward_s);
	prepare_s = rest_s = 0;
	int steps = 0;
	double start = now(), seconds;
	do {
		step(net, &run);
		steps++;
	} while ((seconds = now() - start) < 3);
	double gflops = 6e-9 * (double)net->macs * (double)batch * steps / seconds;
	printf("%s, %d x %d, batch %zu, %zu thread%s: %.1f ms a step, %.0f pictures/s, %.0f "
	       "GFLOP/s, %.0f%% of the "
	       "peak of %.0f\n",
	       arch, input.size, input.size, batch, threads, threads > 1 ? "s" : "",
	       1e3 * seconds / steps, (double)batch * steps / seconds, gflops, 100 * gflops / peak,
	       peak);
	if (getenv("LAYERS"))
		print_layers(net, batch, steps, peak);
	network_free(net);
	graph_free(g);
	cnn_pool_free(pool);
	return 0;
}
