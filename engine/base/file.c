#include "engine/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

/* A new name is on the disk when its folder is. */
static void sync_folder(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash)
		slash[slash == path] = '\0';
	int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

enum cnn_status file_replace(const char *path, const void *bytes, size_t len, struct cnn_error *err)
{
	size_t room = strlen(path) + sizeof ".new";
	char *name = malloc(room);
	if (!name)
		return cnn_fail_memory(err, path, room);
	/* What a killed process left is written over. */
	snprintf(name, room, "%s.new", path);
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	bool written = fd >= 0 && write_all(fd, bytes, len);
	int reason = errno;
	if (fd >= 0 && close(fd) != 0 && written) {
		written = false;
		reason = errno;
	}
	if (written && rename(name, path) != 0) {
		written = false;
		reason = errno;
	}
	if (written)
		sync_folder(name);
	else if (fd >= 0)
		unlink(name);
	free(name);
	return written ? CNN_OK : cnn_fail(err, CNN_IO, "%s: %s", path, strerror(reason));
}

enum cnn_status file_load(const char *path, size_t max_bytes, uint8_t **bytes, size_t *len,
                          struct cnn_error *err)
{
	struct stat st;
	/* O_NONBLOCK: a fifo of that name must not hang the program. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");
	if (!f || fstat(fd, &st) != 0) {
		enum cnn_status status = cnn_fail(err, CNN_IO, "%s: %s", path, strerror(errno));
		if (f)
			fclose(f);
		else if (fd >= 0)
			close(fd);
		return status;
	}
	enum cnn_status status = CNN_OK;
	uint8_t *all = NULL;
	*len = (size_t)st.st_size;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max_bytes)
		status = cnn_fail(err, CNN_IO, "%s: not a file of at most %zu bytes", path,
		                  max_bytes);
	else if (!(all = malloc(*len ? *len : 1)))
		status = cnn_fail_memory(err, path, *len);
	else if (fread(all, 1, *len, f) != *len)
		status = cnn_fail(err, CNN_IO, "%s: %s", path,
		                  ferror(f) ? strerror(errno) : "it changed");
	fclose(f);
	if (status)
		free(all);
	else
		*bytes = all;
	return status;
}
