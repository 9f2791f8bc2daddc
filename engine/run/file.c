#include "engine/run/file.h"
#include "engine/base/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum cnn_status read_all(int fd, const char *path, uint8_t *to, size_t size, size_t *len,
                                struct cnn_error *err)
{
	*len = 0;
	while (*len < size) {
		ssize_t got = read(fd, to + *len, size - *len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return cnn_fail(err, CNN_IO, "%s: %s", path, strerror(errno));
		if (got == 0)
			break;
		*len += (size_t)got;
	}
	return CNN_OK;
}

enum cnn_status file_read(const char *path, size_t limit, int optional, uint8_t **bytes,
                          size_t *len, struct cnn_error *err)
{
	*bytes = NULL;
	*len = 0;
	/* O_NONBLOCK: a fifo in the file's place must not hang the program */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		if (optional && errno == ENOENT)
			return CNN_OK;
		return cnn_fail(err, CNN_IO, "%s: %s", path, strerror(errno));
	}
	enum cnn_status status = CNN_OK;
	struct stat st;
	uint8_t *data = NULL;
	if (fstat(fd, &st) != 0)
		status = cnn_fail(err, CNN_IO, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		status = cnn_fail(err, CNN_IO, "%s: not a regular file", path);
	else if ((uint64_t)st.st_size > limit)
		status = cnn_fail(err, CNN_IO, "%s: %lld bytes, more than the %zu allowed", path,
		                  (long long)st.st_size, limit);
	else if (!(data = pages_alloc((size_t)st.st_size + 1)))
		status = cnn_fail_memory(err, path, (size_t)st.st_size + 1);
	else
		status = read_all(fd, path, data, (size_t)st.st_size, len, err);
	close(fd);
	if (status) {
		pages_free(data);
		return status;
	}
	data[*len] = 0;
	*bytes = data;
	return CNN_OK;
}
