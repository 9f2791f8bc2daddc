/* The lists that grow while a dataset is looked at, and the bytes behind them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/train/dataset.h"

/* Room for one more element of `size` bytes: the array, which may have moved, or NULL. */
static void *grown(void *array, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return array;
	size_t more = *room ? *room : 64, bytes;
	if (__builtin_add_overflow(more, *room, &more) ||
	    __builtin_mul_overflow(more, size, &bytes))
		return NULL;
	void *moved = realloc(array, bytes);
	if (moved)
		*room = more;
	return moved;
}

enum cnn_status dataset_add_entry(struct dataset_source *s, const struct dataset_entry *entry,
                                  struct cnn_error *err)
{
	struct dataset_entry *all = grown(s->entry, s->entries, &s->entry_room, sizeof *all);
	if (!all)
		return cnn_fail_memory(err, "the list of files", s->entries * sizeof *all * 2);
	s->entry = all;
	s->entry[s->entries++] = *entry;
	return CNN_OK;
}

enum cnn_status dataset_add_item(struct dataset_source *s, const struct dataset_item *item,
                                 struct cnn_error *err)
{
	struct dataset_item *all = grown(s->item, s->items, &s->item_room, sizeof *all);
	if (!all)
		return cnn_fail_memory(err, "the list of pictures", s->items * sizeof *all * 2);
	s->item = all;
	s->item[s->items++] = *item;
	return CNN_OK;
}

enum cnn_status dataset_add_class(struct dataset_source *s, const char *name, size_t len,
                                  struct cnn_error *err)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return cnn_fail(err, CNN_BAD_ARG,
			                "%s: class '%.*s' has a control character in its name",
			                s->path, (int)len, name);
	const char **all = grown(s->class_name, s->classes, &s->class_room, sizeof *all);
	if (!all)
		return cnn_fail_memory(err, "the list of classes", s->classes * sizeof *all * 2);
	s->class_name = all;
	const char *copy = arena_strndup(s->arena, name, len);
	if (!copy)
		return cnn_fail_memory(err, "the name of a class", len);
	s->class_name[s->classes++] = copy;
	return CNN_OK;
}

void dataset_skip(struct dataset_source *s, const char *file, const char *reason)
{
	s->skipped++;
	if (s->options->on_skip)
		s->options->on_skip(s->options->ctx, file, reason);
}

enum cnn_status dataset_open_file(const struct dataset_source *s, const char *file, int *fd,
                                  uint64_t *size, struct cnn_error *err)
{
	struct stat st;
	/* O_NONBLOCK: a fifo that took the file's place must not hang the program */
	int opened = openat(s->folder, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (opened < 0)
		return cnn_fail(err, CNN_IO, "%s", strerror(errno));
	if (fstat(opened, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(opened);
		return cnn_fail(err, CNN_IO, "not a regular file");
	}
	*fd = opened;
	*size = (uint64_t)st.st_size;
	return CNN_OK;
}

enum cnn_status dataset_read_at(int fd, uint64_t offset, uint8_t *to, size_t len,
                                struct cnn_error *err)
{
	while (len > 0) {
		ssize_t got = pread(fd, to, len, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return cnn_fail(err, CNN_IO, "%s", strerror(errno));
		if (got == 0)
			return cnn_fail(err, CNN_IO, "ends too early");
		to += got;
		offset += (uint64_t)got;
		len -= (size_t)got;
	}
	return CNN_OK;
}

static enum cnn_status read_bytes(int fd, uint64_t offset, uint64_t size, size_t limit,
                                  uint8_t **bytes, struct cnn_error *err)
{
	if (size > limit)
		return cnn_fail(err, CNN_IO, "%llu bytes, more than the %zu allowed",
		                (unsigned long long)size, limit);
	uint8_t *data = malloc((size_t)size + 1);
	if (!data)
		return cnn_fail_memory(err, "the bytes of a file", (size_t)size + 1);
	enum cnn_status status = dataset_read_at(fd, offset, data, (size_t)size, err);
	if (status) {
		free(data);
		return status;
	}
	data[size] = 0;
	*bytes = data;
	return CNN_OK;
}

enum cnn_status dataset_read_item(const struct dataset_source *s, const struct dataset_item *item,
                                  size_t limit, uint8_t **bytes, size_t *len, struct cnn_error *err)
{
	int fd = item->fd;
	uint64_t size = item->size;
	enum cnn_status status = CNN_OK;
	if (item->refused)
		return cnn_fail(err, CNN_IO, "%s", item->refused);
	if (fd < 0)
		status = dataset_open_file(s, item->file, &fd, &size, err);
	if (status)
		return status;
	status = read_bytes(fd, item->offset, size, limit, bytes, err);
	if (!status)
		*len = (size_t)size;
	if (item->fd < 0)
		close(fd);
	return status;
}

enum cnn_status dataset_read_entry(const struct dataset_source *s,
                                   const struct dataset_entry *entry, size_t limit, uint8_t **bytes,
                                   size_t *len, struct cnn_error *err)
{
	const struct dataset_item item = {
		.file = entry->path,
		.refused = entry->refused,
		.offset = entry->offset,
		.size = entry->size,
		.fd = s->tar,
	};
	return dataset_read_item(s, &item, limit, bytes, len, err);
}
