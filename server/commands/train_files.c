#include "server/commands/train_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE_FILE 0666 /* and what the umask leaves of it */

static enum cnn_status fail_errno(struct cnn_error *err, const char *path)
{
	return cnn_fail(err, CNN_IO, "%s: %s", path, strerror(errno));
}

static bool is_folder(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum cnn_status train_make_folder(const char *path, struct cnn_error *err)
{
	char *part = strdup(path);
	if (!part)
		return cnn_fail_memory(err, path, strlen(path) + 1);
	enum cnn_status status = CNN_OK;
	for (char *p = part; *p && !status;) {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		char after = *p;
		*p = '\0';
		if (mkdir(part, 0777) != 0 && !is_folder(part))
			status = fail_errno(err, part);
		*p = after;
	}
	free(part);
	return status;
}

static char *join(const char *dir, const char *before, const char *name, const char *after)
{
	char *path;
	return asprintf(&path, "%s/%s%s%s", dir, before, name, after) < 0 ? NULL : path;
}

enum cnn_status train_lock_folder(const char *dir, int *fd, struct cnn_error *err)
{
	char *path = join(dir, "", ".lock", "");
	if (!path)
		return cnn_fail_memory(err, dir, strlen(dir));
	enum cnn_status status = CNN_OK;
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE_FILE);
	if (*fd < 0) {
		status = fail_errno(err, path);
	} else if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		status =
			errno == EWOULDBLOCK
				? cnn_fail(err, CNN_IO,
		                           "output folder %s is in use by another convd train", dir)
				: fail_errno(err, path);
		close(*fd);
		*fd = -1;
	}
	free(path);
	return status;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* A file that was renamed is still lost with the power unless its folder is on the disk as well. File systems that
 * cannot do that say EINVAL. */
static bool sync_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool good = fsync(fd) == 0 || errno == EINVAL;
	int code = errno;
	close(fd);
	errno = code;
	return good;
}

/* errno says why not. */
static bool write_synced(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, MODE_FILE);
	if (fd < 0)
		return false;
	bool good = write_all(fd, bytes, len) && fsync(fd) == 0;
	int code = errno;
	if (close(fd) != 0 && good) {
		good = false;
		code = errno;
	}
	errno = code;
	return good;
}

enum cnn_status train_write_file(const char *dir, const char *name, const void *bytes, size_t len,
                                 struct cnn_error *err)
{
	/* Under the folder's lock one name is enough, and what a killed process left is written over. */
	char *path = join(dir, "", name, ""), *part = join(dir, ".", name, ".part");
	enum cnn_status status = CNN_OK;
	if (!path || !part) {
		status = cnn_fail_memory(err, name, strlen(dir));
	} else if (!write_synced(part, bytes, len) || rename(part, path) != 0) {
		status = fail_errno(err, path);
		unlink(part);
	} else if (!sync_folder(dir)) {
		status = fail_errno(err, path);
	}
	free(path);
	free(part);
	return status;
}

bool train_has_file(const char *dir, const char *name)
{
	struct stat st;
	char *path = join(dir, "", name, "");
	bool has = path && lstat(path, &st) == 0;
	free(path);
	return has;
}

char *train_path_name(const char *path)
{
	/* "." and "runs/.." have names, too */
	char *real = realpath(path, NULL), *whole = real ? real : strdup(path);
	if (!whole)
		return NULL;
	char *slash = strrchr(whole, '/');
	if (slash && slash > whole && strcmp(slash, "/model.onnx") == 0) {
		*slash = '\0';
		slash = strrchr(whole, '/');
	}
	char *name = strdup(slash && slash[1] ? slash + 1 : whole);
	free(whole);
	return name;
}
