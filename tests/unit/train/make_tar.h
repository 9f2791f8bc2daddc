/* make_tar.h - .tar files byte by byte, right and wrong ones. */
#ifndef TESTS_UNIT_TRAIN_MAKE_TAR_H
#define TESTS_UNIT_TRAIN_MAKE_TAR_H
#include "tests/unit/train/make_data.h"

enum { TAR_BLOCK = 512 };

struct tar_file {
	uint8_t *p;
	size_t len;
};

static uint8_t *tar_room(struct tar_file *t, size_t n)
{
	size_t padded = (n + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	t->p = realloc(t->p, t->len + padded + 1);
	CHECK(t->p);
	memset(t->p + t->len, 0, padded);
	t->len += padded;
	return t->p + t->len - padded;
}

/* Make the header at `at` right after a change. */
static void tar_sum(uint8_t *at)
{
	unsigned sum = 0;
	memset(at + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += at[i];
	snprintf((char *)at + 148, 8, "%06o", sum);
	at[155] = ' ';
}

/* An entry; the place of its header in t->p. */
static size_t tar_add(struct tar_file *t, const char *name, char type, const void *bytes,
                      size_t len)
{
	size_t place = t->len;
	uint8_t *at = tar_room(t, TAR_BLOCK);
	CHECK(strlen(name) <= 100);
	memcpy(at, name, strlen(name));
	memcpy(at + 100, "0000644", 8);
	snprintf((char *)at + 124, 12, "%011lo", (unsigned long)len);
	at[156] = (uint8_t)type;
	memcpy(at + 257,
	       "ustar\0"
	       "00",
	       8);
	tar_sum(at);
	if (len)
		memcpy(tar_room(t, len), bytes, len);
	return place;
}

__attribute__((unused)) static size_t tar_png(struct tar_file *t, const char *name, int look)
{
	struct bytes png = make_png(12, 10, 3, look);
	size_t place = tar_add(t, name, '0', png.p, png.len);
	free(png.p);
	return place;
}

__attribute__((unused)) static void tar_end(struct tar_file *t)
{
	tar_room(t, 2 * TAR_BLOCK);
}

static void tar_write(const struct tar_file *t, const char *name)
{
	data_file(name, t->p, t->len);
}

#endif
