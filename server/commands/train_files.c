#include "server/commands/train_files.h"

#include "engine/base/file.h"

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

/* errno says why not. */
static bool make_one_folder(const char *path)
{
	struct stat st;
	if (mkdir(path, 0777) == 0)
		return true;
	int code = errno;
	bool there = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	errno = code;
	return there;
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
		if (!make_one_folder(part))
			status = fail_errno(err, part);
		*p = after;
	}
	free(part);
	return status;
}

static char *join(const char *dir, const char *name)
{
	char *path;
	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

enum cnn_status train_lock_folder(const char *dir, int *fd, struct cnn_error *err)
{
	char *path = join(dir, ".lock");
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

enum cnn_status train_write_file(const char *dir, const char *name, const void *bytes, size_t len,
                                 struct cnn_error *err)
{
	char *path = join(dir, name);
	if (!path)
		return cnn_fail_memory(err, name, strlen(dir));
	enum cnn_status status = file_replace(path, bytes, len, err);
	free(path);
	return status;
}

bool train_has_file(const char *dir, const char *name)
{
	struct stat st;
	char *path = join(dir, name);
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
