/* onednn_rate - oneDNN's side of bench_engine.py: runs a network on noise for as long as it is told.
 *
 *	OMP_NUM_THREADS=N onednn_rate PLAN BATCH any|nhwc [OUTPUT]
 *
 * PLAN.plan and PLAN.weights are onednn_plan.py's; any: oneDNN chooses the formats between layers,
 * nhwc: channels last. Prints "ready VERSION BEST" (the largest output) or "error TEXT", and leaves
 * all outputs in the file OUTPUT. */
#include "tests/bench/onednn_net.h"
#include "tests/bench/rate.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum cnn_status run(void *context, struct cnn_error *err)
{
	return net_run(context, err);
}

struct tensors {
	float *input, *output;
	size_t inputs, outputs;
};

static enum cnn_status make_tensors(const struct plan *plan, size_t batch, struct tensors *t,
                                    struct cnn_error *err)
{
	t->inputs = batch * onednn_plan_elements(&plan->step[0]);
	t->outputs = batch * onednn_plan_elements(&plan->step[plan->steps - 1]);
	t->input = calloc(t->inputs, sizeof *t->input);
	t->output = calloc(t->outputs, sizeof *t->output);
	if (!t->input || !t->output)
		return cnn_fail_memory(err, "the tensors", t->inputs * sizeof *t->input);
	rate_noise(t->input, t->inputs);
	return CNN_OK;
}

static enum cnn_status prepare(const char *path, size_t batch, bool nhwc, struct tensors *t,
                               struct net **net, struct cnn_error *err)
{
	struct plan plan;
	enum cnn_status status = onednn_plan_read(path, &plan, err);
	if (status)
		return status;
	status = make_tensors(&plan, batch, t, err);
	if (!status)
		status = net_new(&plan, batch, nhwc, t->input, t->output, net, err);
	onednn_plan_free(&plan);
	return status ? status : net_run(*net, err);
}

int main(int argc, char **argv)
{
	size_t batch = argc == 4 || argc == 5 ? strtoul(argv[2], NULL, 10) : 0;
	if (batch < 1 || batch > 256) {
		fprintf(stderr, "usage: onednn_rate PLAN BATCH any|nhwc [OUTPUT]\n");
		return 2;
	}
	struct tensors t = {0};
	struct net *net = NULL;
	struct cnn_error err;
	enum cnn_status status =
		prepare(argv[1], batch, strcmp(argv[3], "nhwc") == 0, &t, &net, &err);
	if (!status)
		status = rate_write(argc > 4 ? argv[4] : NULL, t.output, t.outputs, &err);
	if (!status) {
		const dnnl_version_t *v = dnnl_version();
		printf("ready %d.%d.%d %g\n", v->major, v->minor, v->patch,
		       (double)rate_largest(t.output, t.outputs));
		status = rate_serve(run, net, &err);
	}
	if (status)
		printf("error %s\n", err.text);
	net_free(net);
	free(t.input);
	free(t.output);
	return status ? 1 : 0;
}
