/* fit_dump - runs one stage of engine/image and writes the pixels as PNM, for preprocess.py.
 *
 *	fit_dump probe FILE                                    format width height orientation
 *	fit_dump decode FILE CHANNELS
 *	fit_dump read FILE WIDTH HEIGHT SHORT CHANNELS SCALING   SHORT 0: stretch; SCALING 0 or 1
 *	fit_dump resize WIDTH HEIGHT                           PNM on stdin */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/image/image.h"

static const struct image_limits limits = {65500, 200000000};

static uint8_t *read_all(FILE *f, size_t *len)
{
	size_t cap = 1 << 16;
	uint8_t *bytes = malloc(cap);
	*len = 0;
	for (size_t got; bytes && (got = fread(bytes + *len, 1, cap - *len, f)) > 0;) {
		*len += got;
		if (*len == cap) {
			uint8_t *more = realloc(bytes, cap *= 2);
			if (!more)
				free(bytes);
			bytes = more;
		}
	}
	return bytes;
}

static uint8_t *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return NULL;
	uint8_t *bytes = read_all(f, len);
	fclose(f);
	return bytes;
}

static enum cnn_status read_pnm(struct image *out, struct cnn_error *err)
{
	char kind;
	int width, height;
	if (scanf("P%c %d %d 255", &kind, &width, &height) != 3 || getchar() != '\n')
		return cnn_fail(err, CNN_BAD_ARG, "stdin: not PNM");
	size_t len;
	uint8_t *px = read_all(stdin, &len);
	*out = (struct image){px, width, height, kind == '6' ? 3 : 1};
	if (!px || len != (size_t)width * (size_t)height * (size_t)out->channels) {
		image_clear(out);
		return cnn_fail(err, CNN_BAD_ARG, "stdin: PNM of the wrong length");
	}
	return CNN_OK;
}

static void write_pnm(const struct image *img)
{
	printf("P%d\n%d %d\n255\n", img->channels == 3 ? 6 : 5, (int)img->width, (int)img->height);
	fwrite(img->px, (size_t)img->width * (size_t)img->channels, (size_t)img->height, stdout);
}

static enum cnn_status run_file(int argc, char **argv, struct image *out, struct cnn_error *err)
{
	size_t len;
	uint8_t *bytes = read_file(argv[2], &len);
	if (!bytes)
		return cnn_fail(err, CNN_IO, "cannot read %s", argv[2]);
	enum cnn_status status;
	if (strcmp(argv[1], "probe") == 0) {
		struct image_header h;
		status = image_probe(bytes, len, &h, err);
		if (status == CNN_OK)
			printf("%s %d %d %d\n", image_format_name(h.format), (int)h.width,
			       (int)h.height, (int)h.orientation);
	} else if (strcmp(argv[1], "decode") == 0 && argc == 4) {
		const struct image_decode_options options = {limits, atoi(argv[3]), 0, 0};
		status = image_decode(bytes, len, &options, out, err);
	} else if (strcmp(argv[1], "read") == 0 && argc == 8) {
		int resize_short = atoi(argv[5]);
		const struct image_fit fit = {
			.width = atoi(argv[3]),
			.height = atoi(argv[4]),
			.channels = atoi(argv[6]),
			.resize_short = resize_short,
			.crop = resize_short ? IMAGE_CROP_CENTER : IMAGE_CROP_NONE,
		};
		status = image_read(bytes, len, &limits, atoi(argv[7]) != 0, &fit, out, NULL, err);
	} else {
		status = cnn_fail(err, CNN_BAD_ARG, "wrong arguments");
	}
	free(bytes);
	return status;
}

int main(int argc, char **argv)
{
	struct cnn_error err = {0};
	struct image out = {0};
	enum cnn_status status;
	if (argc == 4 && strcmp(argv[1], "resize") == 0) {
		struct image src;
		status = read_pnm(&src, &err);
		if (status == CNN_OK) {
			status = image_resize(&src, atoi(argv[2]), atoi(argv[3]), &out, &err);
			image_clear(&src);
		}
	} else if (argc >= 3) {
		status = run_file(argc, argv, &out, &err);
	} else {
		status = cnn_fail(&err, CNN_BAD_ARG, "usage: see the head of fit_dump.c");
	}
	if (status)
		fprintf(stderr, "%s: %s\n", cnn_status_name(status), err.text);
	else if (out.px)
		write_pnm(&out);
	image_clear(&out);
	return status != CNN_OK;
}
