/* see_dump MODEL INPUT OUTPUT: what a viewer sees of every layer, for layers.py.
 *
 * INPUT has one input tensor as float32, in the model's own order. OUTPUT gets each row's maps as float32
 * [channels][height][width], one after the other; standard output has a line for each of them, of words parted by
 * tabs: number, name, operator, channels, height, width. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/cpu.h"
#include "engine/base/file.h"
#include "engine/see.h"

struct dump {
	const struct cnn_model *model;
	FILE *out;
	bool failed;
};

static bool on_layer(void *ctx, const struct see_maps *maps)
{
	struct dump *d = ctx;
	const struct cnn_layer *row = cnn_model_layer(d->model, maps->layer);
	size_t pixels = maps->height * maps->width;
	float *plane = malloc((pixels + 1) * sizeof *plane);
	d->failed = !plane;
	for (uint32_t c = 0; c < maps->channels && !d->failed; c++) {
		see_copy(maps, &c, 1, plane);
		d->failed = fwrite(plane, sizeof *plane, pixels, d->out) != pixels;
	}
	free(plane);
	printf("%zu\t%s\t%s\t%zu\t%zu\t%zu\n", maps->layer, row->name, row->op, maps->channels,
	       maps->height, maps->width);
	return !d->failed;
}

static enum cnn_status dump_all(struct see *see, const char *input, const char *output,
                                struct cnn_error *err)
{
	uint8_t *bytes = NULL;
	size_t len;
	enum cnn_status status = file_load(input, SIZE_MAX, &bytes, &len, err);
	if (status)
		return status;
	struct dump d = {.model = see_model(see), .out = fopen(output, "wb")};
	if (!d.out) {
		free(bytes);
		return cnn_fail(err, CNN_IO, "%s: cannot write", output);
	}
	const struct cnn_item item = {.tensor = (const float *)(const void *)bytes};
	const struct see_watch watch = {.on_layer = on_layer, .ctx = &d};
	status = see_run(see, &item, NULL, &watch, err);
	if (fclose(d.out) != 0 || d.failed)
		status = cnn_fail(err, CNN_IO, "%s: cannot write", output);
	free(bytes);
	return status;
}

int main(int argc, char **argv)
{
	struct cnn_error err = {0};
	struct see *see = NULL;
	if (argc != 4) {
		fprintf(stderr, "usage: see_dump MODEL INPUT OUTPUT\n");
		return 2;
	}
	const struct see_options options = {.max_isa = cpu_isa()};
	enum cnn_status status = see_open(argv[1], NULL, &options, &see, &err);
	if (!status)
		status = dump_all(see, argv[2], argv[3], &err);
	if (status)
		fprintf(stderr, "see_dump: %s\n", err.text);
	see_close(see);
	return status != CNN_OK;
}
