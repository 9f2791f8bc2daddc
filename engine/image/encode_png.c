#include "engine/image/encode_png.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

struct writing {
	png_structp png;
	png_infop info;
	uint8_t *bytes;
	size_t len, size;
	bool no_memory;
	enum cnn_status status;
	struct cnn_error *err;
};

static _Noreturn void on_error(png_structp png, png_const_charp text)
{
	struct writing *w = png_get_error_ptr(png);
	w->status = w->no_memory ? cnn_fail(w->err, CNN_NO_MEMORY, "PNG: out of memory")
	                         : cnn_fail(w->err, CNN_BAD_ARG, "PNG: %s", text);
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t size)
{
	struct writing *w = png_get_mem_ptr(png);
	void *p = malloc(size);
	if (!p)
		w->no_memory = true;
	return p;
}

static void on_free(png_structp png, png_voidp p)
{
	(void)png;
	free(p);
}

static void on_write(png_structp png, png_bytep data, size_t n)
{
	struct writing *w = png_get_io_ptr(png);
	if (n > w->size - w->len) {
		size_t wanted;
		bool fits = !__builtin_add_overflow(w->size, n, &wanted) &&
		            !__builtin_mul_overflow(wanted, (size_t)2, &wanted);
		uint8_t *wider = fits ? realloc(w->bytes, wanted) : NULL;
		if (!wider) {
			w->no_memory = true;
			png_error(png, "out of memory");
		}
		w->bytes = wider;
		w->size = wanted;
	}
	memcpy(w->bytes + w->len, data, n);
	w->len += n;
}

static void on_flush(png_structp png)
{
	(void)png;
}

/* Everything of libpng's that can fail runs below here. */
static enum cnn_status run(struct writing *w, const struct image *img)
{
	if (setjmp(png_jmpbuf(w->png)))
		return w->status;
	png_set_write_fn(w->png, w, on_write, on_flush);
	png_set_IHDR(w->png, w->info, (png_uint_32)img->width, (png_uint_32)img->height, 8,
	             img->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY,
	             PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(w->png, w->info);
	size_t row_bytes = (size_t)img->width * (size_t)img->channels;
	for (int32_t y = 0; y < img->height; y++)
		png_write_row(w->png, img->px + (size_t)y * row_bytes);
	png_write_end(w->png, NULL);
	return CNN_OK;
}

enum cnn_status image_encode_png(const struct image *img, uint8_t **bytes, size_t *len,
                                 struct cnn_error *err)
{
	*bytes = NULL;
	*len = 0;
	if (!img->px || img->width < 1 || img->height < 1)
		return cnn_fail(err, CNN_BAD_ARG, "PNG: a picture without pixels");
	if (img->channels != 1 && img->channels != 3)
		return cnn_fail(err, CNN_BAD_ARG, "PNG: a picture of %d channels", img->channels);
	struct writing w = {.err = err};
	w.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &w, on_error, on_warning, &w,
	                                  on_malloc, on_free);
	w.info = w.png ? png_create_info_struct(w.png) : NULL;
	enum cnn_status status =
		w.info ? run(&w, img) : cnn_fail(err, CNN_NO_MEMORY, "PNG: out of memory");
	if (w.png)
		png_destroy_write_struct(&w.png, &w.info);
	if (status) {
		free(w.bytes);
		return status;
	}
	*bytes = w.bytes;
	*len = w.len;
	return CNN_OK;
}
