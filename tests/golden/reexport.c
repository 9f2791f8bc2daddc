/* reexport - an .onnx file read and written again, for golden.py.
 *
 *	reexport MODEL OUTPUT DIM,DIM,... [BATCH_NAME]
 *
 * The dimensions are the input's. Ends with status 0, or with an error's text on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/pages.h"
#include "engine/onnx/export.h"
#include "engine/onnx/import.h"
#include "engine/operators/infer.h"
#include "engine/run/file.h"

#define MAX_BYTES ((size_t)1 << 30)

/* As cnn_model_load() sets it: one picture. */
static enum cnn_status shape_input(struct graph *g, const char *dims, struct cnn_error *err)
{
	struct value *v = &g->value[g->input[0]];
	int32_t rank = 0;
	for (const char *at = dims; *at && rank < CNN_MAX_RANK; rank++) {
		char *end;
		v->dim[rank] = strtoll(at, &end, 10);
		if (end == at || (*end && *end != ','))
			return cnn_fail(err, CNN_BAD_ARG, "%s: not dimensions", dims);
		at = end + (*end == ',');
	}
	if (g->n_input != 1 || rank != v->rank)
		return cnn_fail(err, CNN_BAD_ARG, "%zu inputs, the first of %d dimensions, not %d",
		                g->n_input, v->rank, rank);
	v->shaped = true;
	return CNN_OK;
}

static enum cnn_status write_file(const char *path, const uint8_t *bytes, size_t len,
                                  struct cnn_error *err)
{
	FILE *f = fopen(path, "wb");
	bool good = f && fwrite(bytes, 1, len, f) == len;
	if (f && fclose(f) != 0)
		good = false;
	return good ? CNN_OK : cnn_fail(err, CNN_IO, "cannot write %s", path);
}

static enum cnn_status reexport(const char *from, const char *to, const char *dims,
                                const char *batch_name, struct cnn_error *err)
{
	struct onnx_export_options options = {.producer_name = "reexport",
	                                      .batch_name = batch_name};
	struct graph *g = NULL;
	uint8_t *bytes = NULL, *written = NULL;
	size_t len = 0;
	enum cnn_status s = file_read(from, MAX_BYTES, false, &bytes, &len, err);
	if (!s)
		s = onnx_import(bytes, len, from, &g, NULL, err);
	if (!s)
		s = shape_input(g, dims, err);
	if (!s)
		s = graph_infer(g, err);
	if (!s)
		graph_sweep(g);
	if (!s)
		s = onnx_export(g, &options, &written, &len, err);
	if (!s)
		s = write_file(to, written, len, err);
	free(written);
	pages_free(bytes);
	graph_free(g);
	return s;
}

int main(int argc, char **argv)
{
	struct cnn_error err = {0};
	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: reexport MODEL OUTPUT DIM,DIM,... [BATCH_NAME]\n");
		return 2;
	}
	if (!reexport(argv[1], argv[2], argv[3], argc == 5 ? argv[4] : NULL, &err))
		return 0;
	fprintf(stderr, "%s: %s\n", cnn_status_name(err.code), err.text);
	return 1;
}
