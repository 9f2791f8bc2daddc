#include "server/commands/profile.h"

#include <stdlib.h>

/* Steps that belong to no layer of the file (input, output, copies) are kept together last. */
struct profile {
	const struct cnn_model *model;
	struct cnn_observer observer;
	size_t rows; /* layers + 1 */
	struct profile_row {
		const char *kernel;
		uint64_t ns;
		size_t last; /* of the layers that were computed in one step */
	} row[];
};

static void on_step(void *ctx, const struct cnn_observed *seen)
{
	struct profile *p = ctx;
	size_t at = seen->layer < p->rows - 1 ? seen->layer : p->rows - 1;
	p->row[at].kernel = at == p->rows - 1 ? "input, output, copies" : seen->kernel;
	p->row[at].ns += seen->ns;
	p->row[at].last = seen->last_layer;
}

struct profile *profile_new(const struct cnn_model *model)
{
	size_t rows = cnn_model_layers(model) + 1;
	struct profile *p = calloc(1, sizeof *p + rows * sizeof p->row[0]);
	if (!p)
		return NULL;
	p->model = model;
	p->rows = rows;
	p->observer = (struct cnn_observer){on_step, p};
	return p;
}

void profile_free(struct profile *profile)
{
	free(profile);
}

const struct cnn_observer *profile_observer(struct profile *profile)
{
	return &profile->observer;
}

void profile_print(const struct profile *p, size_t batch, double peak_gflops, FILE *out)
{
	double pictures = PROFILE_RUNS * (double)batch, total = 0;
	for (size_t i = 0; i < p->rows; i++)
		total += (double)p->row[i].ns;
	fprintf(out, "\n%-28s %-18s %-24s %9s %9s %7s %6s\n", "layer", "op", "kernel", "ms",
	        "GFLOP/s", "% peak", "% time");
	for (size_t i = 0; i < p->rows; i++) {
		const struct cnn_layer *l = cnn_model_layer(p->model, i);
		double ns = (double)p->row[i].ns / pictures;
		if (!p->row[i].kernel)
			continue; /* fused into another layer, or nothing to do */
		double macs = 0;
		for (size_t k = i; l && k <= p->row[i].last; k++)
			macs += (double)cnn_model_layer(p->model, k)->macs;
		double gflops = ns > 0 ? 2 * macs / ns : 0;
		fprintf(out, "%-28.28s %-18s %-24s %9.4f ", l ? l->name : "-", l ? l->op : "-",
		        p->row[i].kernel, ns * 1e-6);
		if (gflops > 0)
			fprintf(out, "%9.1f %7.0f ", gflops, 100 * gflops / peak_gflops);
		else
			fprintf(out, "%9s %7s ", "", "");
		fprintf(out, "%6.1f\n", 100 * (double)p->row[i].ns / total);
	}
	fprintf(out, "%-28s %-18s %-24s %9.4f\n", "sum", "", "", total / pictures * 1e-6);
}
