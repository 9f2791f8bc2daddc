/* folder.h - inputs that stand for several files of a folder. */
#ifndef TESTS_FUZZ_FOLDER_H
#define TESTS_FUZZ_FOLDER_H
#include "tests/fuzz/target.h"

struct part {
	const uint8_t *bytes;
	size_t len;
};

/* What is before the next `end`, or all that is left; the rest stays in *from. */
static inline struct part take_part(struct part *from, uint8_t end)
{
	const uint8_t *stop = from->len ? memchr(from->bytes, end, from->len) : NULL;
	struct part taken = {from->bytes, stop ? (size_t)(stop - from->bytes) : from->len};
	size_t gone = taken.len + (stop != NULL);
	*from = (struct part){from->bytes + gone, from->len - gone};
	return taken;
}

struct folder {
	char path[32];
};

static inline struct folder folder_new(void)
{
	struct folder f;
	/* in memory where that is to be had */
	snprintf(f.path, sizeof f.path, "%s/convd-fuzz-XXXXXX",
	         access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	check(mkdtemp(f.path) != NULL);
	return f;
}

static inline void folder_add(const struct folder *f, const char *name, struct part contents)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", f->path, name);
	FILE *file = fopen(path, "wb");
	check(file && fwrite(contents.bytes, 1, contents.len, file) == contents.len);
	check(fclose(file) == 0);
}

/* With the files of a list that ends with NULL. */
static inline void folder_remove(const struct folder *f, const char *const *names)
{
	char path[128];
	for (; *names; names++) {
		snprintf(path, sizeof path, "%s/%s", f->path, *names);
		unlink(path);
	}
	check(rmdir(f->path) == 0);
}

#endif
