/* PNG by libpng. Only what makes the pixels is read (IHDR, PLTE, IDAT, IEND): every ancillary
 * chunk is skipped unread, so that none can unpack to something large. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "engine/image/decode.h"
#include "engine/image/exif.h"
#include "engine/image/upright.h"

struct png_job {
	png_structp png;
	png_infop info;
	const uint8_t *bytes;
	size_t len, at;
	bool no_memory; /* an allocation of libpng's failed */
	enum cnn_status status;
	struct cnn_error *err;

	const struct image_decode_options *options; /* NULL when only the header is wanted */
	int32_t width, height, orientation;         /* as stored */
	bool gray;
	uint8_t *stored; /* all rows of an interlaced picture */
	struct upright up;
};

static _Noreturn void refuse(struct png_job *job, enum cnn_status status)
{
	job->status = status;
	png_longjmp(job->png, 1);
}

static _Noreturn void on_error(png_structp png, png_const_charp text)
{
	struct png_job *job = png_get_error_ptr(png);
	if (job->no_memory)
		refuse(job, cnn_fail(job->err, CNN_NO_MEMORY, "PNG: out of memory"));
	refuse(job, cnn_fail(job->err, CNN_BAD_IMAGE, "broken PNG: %s", text));
}

static void on_warning(png_structp png, png_const_charp text)
{
	/* libpng warns of what it corrected without harm to the pixels. */
	(void)png;
	(void)text;
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t size)
{
	struct png_job *job = png_get_mem_ptr(png);
	void *p = malloc(size);
	if (!p)
		job->no_memory = true;
	return p;
}

static void on_free(png_structp png, png_voidp p)
{
	(void)png;
	free(p);
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
	struct png_job *job = png_get_io_ptr(png);
	if (n > job->len - job->at)
		png_error(png, "the data ends too early");
	memcpy(to, job->bytes + job->at, n);
	job->at += n;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The eXIf chunk may come after the pixels, but is needed before them. */
static int32_t find_orientation(const uint8_t *bytes, size_t len)
{
	enum { SIGNATURE = 8, CHUNK_HEAD = 8, CHUNK_CRC = 4 };
	for (size_t at = SIGNATURE; len - at >= CHUNK_HEAD + CHUNK_CRC;) {
		size_t size = get32(bytes + at);
		const uint8_t *type = bytes + at + 4, *data = bytes + at + CHUNK_HEAD;
		if (size > len - at - CHUNK_HEAD - CHUNK_CRC || memcmp(type, "IEND", 4) == 0)
			break;
		if (memcmp(type, "eXIf", 4) == 0)
			return exif_orientation(data, size);
		at += CHUNK_HEAD + size + CHUNK_CRC;
	}
	return 1;
}

static void open_file(struct png_job *job)
{
	png_set_read_fn(job->png, job, on_read);
	png_set_keep_unknown_chunks(job->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
	png_set_chunk_malloc_max(job->png, 1 << 20);
	/* The caller's limits are checked instead of libpng's, for the sake of the message. */
	png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
	png_read_info(job->png, job->info);
	job->width = (int32_t)png_get_image_width(job->png, job->info);
	job->height = (int32_t)png_get_image_height(job->png, job->info);
	job->gray = !(png_get_color_type(job->png, job->info) & PNG_COLOR_MASK_COLOR);
	job->orientation = find_orientation(job->bytes, job->len);
}

/* Have every kind of PNG come out as 8-bit gray or RGB, and say which. */
static enum upright_samples choose_samples(struct png_job *job)
{
	int color = png_get_color_type(job->png, job->info);
	png_set_strip_16(job->png);
	png_set_strip_alpha(job->png);
	if (color == PNG_COLOR_TYPE_PALETTE)
		png_set_palette_to_rgb(job->png);
	else if (!(color & PNG_COLOR_MASK_COLOR))
		png_set_expand_gray_1_2_4_to_8(job->png);
	return color & PNG_COLOR_MASK_COLOR ? UPRIGHT_RGB : UPRIGHT_GRAY;
}

/* Interlaced rows are complete only after the last pass, so all of them are kept until then. */
static void read_interlaced(struct png_job *job, int passes, size_t row_bytes)
{
	size_t bytes;
	if (__builtin_mul_overflow(row_bytes, (size_t)job->height, &bytes))
		refuse(job, cnn_fail_memory(job->err, "an interlaced PNG", SIZE_MAX));
	job->stored = malloc(bytes);
	if (!job->stored)
		refuse(job, cnn_fail_memory(job->err, "an interlaced PNG", bytes));
	for (int pass = 0; pass < passes; pass++)
		for (int32_t y = 0; y < job->height; y++)
			png_read_row(job->png, job->stored + (size_t)y * row_bytes, NULL);
	for (int32_t y = 0; y < job->height; y++) {
		memcpy(upright_row(&job->up, y), job->stored + (size_t)y * row_bytes, row_bytes);
		upright_row_done(&job->up, y);
	}
}

static void read_rows(struct png_job *job)
{
	enum upright_samples samples = choose_samples(job);
	int passes = png_set_interlace_handling(job->png);
	png_read_update_info(job->png, job->info);
	size_t row_bytes = png_get_rowbytes(job->png, job->info);
	if (row_bytes != (size_t)job->width * upright_pixel_bytes(samples))
		png_error(job->png, "unexpected row size");

	enum cnn_status status = upright_begin(&job->up, samples, job->orientation, job->width,
	                                       job->height, job->options->channels, job->err);
	if (status)
		refuse(job, status);
	if (passes > 1) {
		read_interlaced(job, passes, row_bytes);
	} else {
		for (int32_t y = 0; y < job->height; y++) {
			png_read_row(job->png, upright_row(&job->up, y), NULL);
			upright_row_done(&job->up, y);
		}
	}
	/* Checks what is left of the pixels' checksums, and that the file has its end. */
	png_read_end(job->png, NULL);
}

/* Everything of libpng's that can fail runs below here. */
static enum cnn_status run(struct png_job *job)
{
	if (setjmp(png_jmpbuf(job->png)))
		return job->status;
	open_file(job);
	if (!job->options)
		return CNN_OK;
	enum cnn_status status =
		decode_check_size(&job->options->limits, job->width, job->height, job->err);
	if (status)
		return status;
	read_rows(job);
	return CNN_OK;
}

static enum cnn_status job_run(struct png_job *job)
{
	job->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, job, on_error, on_warning, job,
	                                    on_malloc, on_free);
	job->info = job->png ? png_create_info_struct(job->png) : NULL;
	enum cnn_status status =
		job->info ? run(job) : cnn_fail(job->err, CNN_NO_MEMORY, "PNG: out of memory");
	if (job->png)
		png_destroy_read_struct(&job->png, &job->info, NULL);
	free(job->stored);
	return status;
}

enum cnn_status png_probe(const uint8_t *bytes, size_t len, struct image_header *out,
                          struct cnn_error *err)
{
	struct png_job job = {.bytes = bytes, .len = len, .err = err};
	enum cnn_status status = job_run(&job);
	if (status == CNN_OK)
		*out = decode_header(IMAGE_PNG, job.orientation, job.width, job.height, job.gray);
	return status;
}

enum cnn_status png_decode(const uint8_t *bytes, size_t len,
                           const struct image_decode_options *options, struct image *out,
                           struct cnn_error *err)
{
	struct png_job job = {.bytes = bytes, .len = len, .err = err, .options = options};
	enum cnn_status status = job_run(&job);
	if (status == CNN_OK) {
		*out = job.up.img;
		job.up.img = (struct image){0};
	}
	upright_free(&job.up);
	return status;
}
