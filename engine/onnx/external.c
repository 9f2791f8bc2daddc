#include "engine/onnx/external.h"

#include "engine/onnx/names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* O_NONBLOCK: a fifo in the file's place must not hang the program. */
#define OPEN_FILE (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

void external_close(struct external *x)
{
	if (x->location)
		close(x->file);
	if (x->has_folder)
		close(x->folder);
	free(x->location);
	x->location = NULL;
	x->has_folder = false;
}

bool external_is(const Onnx__TensorProto *t)
{
	return t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* --- what the tensor says ----------------------------------------------------------------- */

/* NULL when the tensor has no such key. */
static const char *entry(const Onnx__TensorProto *t, const char *key)
{
	for (size_t i = 0; i < t->n_external_data; i++) {
		const Onnx__StringStringEntryProto *e = t->external_data[i];
		if (e->key && strcmp(e->key, key) == 0)
			return e->value ? e->value : "";
	}
	return NULL;
}

/* Digits only; false for what is no number of bytes that a file can have. */
static bool read_number(const char *text, uint64_t *out)
{
	uint64_t n = 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > (uint64_t)INT64_MAX / 10)
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*out = n;
	return n <= INT64_MAX;
}

/* Relative, and down the tree only. */
static bool stays_inside(const char *location)
{
	if (!*location || *location == '/')
		return false;
	for (const char *at = location; at; at = strchr(at, '/')) {
		at += *at == '/';
		size_t n = strcspn(at, "/");
		if (n == 2 && at[0] == '.' && at[1] == '.')
			return false;
	}
	return true;
}

/* --- opening ------------------------------------------------------------------------------- */

static int open_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int reason = folder ? errno : ENOMEM;
	free(folder);
	errno = reason;
	return fd;
}

/* For kernels and containers without openat2(): folder by folder, through no link at all. */
static int open_by_steps(int folder, const char *location)
{
	char *path = strdup(location), *rest = NULL;
	int at = folder, fd = -1;
	if (!path) {
		errno = ENOMEM;
		return -1;
	}
	for (char *name = strtok_r(path, "/", &rest); name; at = fd) {
		char *next = strtok_r(NULL, "/", &rest);
		fd = openat(at, name,
		            O_NOFOLLOW | (next ? O_PATH | O_DIRECTORY | O_CLOEXEC : OPEN_FILE));
		int reason = errno;
		if (at != folder)
			close(at);
		errno = reason;
		if (fd < 0)
			break;
		name = next;
	}
	free(path);
	return fd;
}

static int open_beneath(int folder, const char *location)
{
	struct open_how how = {.flags = OPEN_FILE,
	                       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	long fd = -1;
	/* EAGAIN: something was renamed while the kernel looked. */
	for (int tries = 0; tries < 16; tries++) {
		fd = syscall(SYS_openat2, folder, location, &how, sizeof how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return open_by_steps(folder, location);
	return (int)fd;
}

static const char *reason_of(int error)
{
	switch (error) {
	case EXDEV:
		return "leads out of the model's folder";
	case ELOOP:
		return "a link that is not followed";
	default:
		return strerror(error);
	}
}

static enum cnn_status fail(const struct external_range *r, enum cnn_status code,
                            const char *reason, struct cnn_error *err)
{
	return cnn_fail(err, code, "tensor '%s': its data in '%s': %s", r->tensor, r->location,
	                reason);
}

/* Makes x->file the file that `location` means. */
static enum cnn_status open_file(struct external *x, const char *location,
                                 const struct external_range *r, struct cnn_error *err)
{
	struct stat st;
	if (x->location && strcmp(x->location, location) == 0)
		return CNN_OK;
	if (!x->has_folder) {
		x->folder = open_folder(x->beside);
		if (x->folder < 0)
			return fail(r, CNN_IO, strerror(errno), err);
		x->has_folder = true;
	}
	int fd = open_beneath(x->folder, location);
	if (fd < 0)
		return fail(r, CNN_IO, reason_of(errno), err);
	const char *reason = NULL;
	char *copy = NULL;
	if (fstat(fd, &st) != 0)
		reason = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		reason = "not a regular file";
	else
		copy = strdup(location);
	if (!copy) {
		close(fd);
		return reason ? fail(r, CNN_IO, reason, err)
		              : cnn_fail_memory(err, r->tensor, strlen(location) + 1);
	}
	if (x->location)
		close(x->file);
	free(x->location);
	x->location = copy;
	x->file = fd;
	x->file_bytes = (uint64_t)st.st_size;
	return CNN_OK;
}

/* --- both ---------------------------------------------------------------------------------- */

enum cnn_status external_find(struct external *x, struct arena *arena, const Onnx__TensorProto *t,
                              const char *name, size_t bytes, struct external_range *out,
                              struct cnn_error *err)
{
	const char *location = entry(t, "location"), *offset = entry(t, "offset"),
		   *length = entry(t, "length");
	uint64_t said = bytes;
	if (!location)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "tensor '%s': its data is in another file, but no location is said",
		                name);
	*out = (struct external_range){.tensor = name, .location = names_short(arena, location)};
	if (!out->location)
		return cnn_fail_memory(err, name, strlen(location));
	if (!x->beside)
		return fail(out, CNN_UNSUPPORTED, "only the model's own bytes are known here", err);
	if (!stays_inside(location))
		return fail(out, CNN_BAD_MODEL, "must lie in the model's folder", err);
	if ((offset && !read_number(offset, &out->at)) || (length && !read_number(length, &said)))
		return fail(out, CNN_BAD_MODEL, "offset and length must be numbers of bytes", err);
	if (said != bytes)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "tensor '%s': its data in '%s': %llu bytes where its shape "
		                "needs %zu",
		                name, out->location, (unsigned long long)said, bytes);
	enum cnn_status status = open_file(x, location, out, err);
	if (status)
		return status;
	out->file = x->file;
	if (out->at > x->file_bytes || bytes > x->file_bytes - out->at)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "tensor '%s': its data in '%s': %zu bytes from %llu on, but the "
		                "file has %llu",
		                name, out->location, bytes, (unsigned long long)out->at,
		                (unsigned long long)x->file_bytes);
	return CNN_OK;
}

enum cnn_status external_read(struct external_range *range, void *to, size_t bytes,
                              struct cnn_error *err)
{
	char *at = to;
	while (bytes) {
		ssize_t got = pread(range->file, at, bytes, (off_t)range->at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(range, CNN_IO, strerror(errno), err);
		if (got == 0)
			return fail(range, CNN_IO, "it became shorter while it was read", err);
		at += got;
		bytes -= (size_t)got;
		range->at += (uint64_t)got;
	}
	return CNN_OK;
}
