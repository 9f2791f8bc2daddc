/* What a folder holds, down to where pictures can be. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/train/dataset.h"

/* A folder that is looked through, train/, a class, and a folder too many, for the message. */
enum { MAX_DEPTH = 4 };

static enum cnn_status walk(struct dataset_source *s, int fd, const char *path, int depth,
                            struct cnn_error *err);

/* Links are followed to files only: a link to a folder might lead around in circles. */
static void look_at(int fd, const char *name, struct dataset_entry *e)
{
	struct stat st;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		e->refused = "is gone";
		return;
	}
	bool link = S_ISLNK(st.st_mode);
	if (link && fstatat(fd, name, &st, 0) != 0)
		e->refused = "a link that leads nowhere";
	else if (link && S_ISDIR(st.st_mode))
		e->refused = "a link to a folder";
	else if (S_ISDIR(st.st_mode))
		e->folder = true;
	else if (!S_ISREG(st.st_mode))
		e->refused = "not a regular file";
}

static enum cnn_status visit(struct dataset_source *s, int fd, const char *path, const char *name,
                             int depth, struct cnn_error *err)
{
	struct dataset_entry e = {.path = *path ? arena_printf(s->arena, "%s/%s", path, name)
	                                        : arena_strdup(s->arena, name)};
	if (!e.path)
		return cnn_fail_memory(err, "the names of files", strlen(path) + strlen(name));
	look_at(fd, name, &e);
	enum cnn_status status = dataset_add_entry(s, &e, err);
	if (status || !e.folder || depth == MAX_DEPTH)
		return status;
	int inside = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (inside < 0)
		return cnn_fail(err, CNN_IO, "%s/%s: %s", s->path, e.path, strerror(errno));
	return walk(s, inside, e.path, depth + 1, err);
}

/* Takes over fd. */
static enum cnn_status walk(struct dataset_source *s, int fd, const char *path, int depth,
                            struct cnn_error *err)
{
	enum cnn_status status = CNN_OK;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		status = cnn_fail(err, CNN_IO, "%s/%s: %s", s->path, path, strerror(errno));
		close(fd);
		return status;
	}
	while (!status) {
		errno = 0;
		const struct dirent *e = readdir(dir);
		if (!e) {
			if (errno)
				status = cnn_fail(err, CNN_IO, "%s/%s: %s", s->path, path,
				                  strerror(errno));
			break;
		}
		if (e->d_name[0] != '.')
			status = visit(s, fd, path, e->d_name, depth, err);
	}
	closedir(dir);
	return status;
}

enum cnn_status dataset_list_folder(struct dataset_source *s, struct cnn_error *err)
{
	int fd = openat(s->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cnn_fail(err, CNN_IO, "%s: %s", s->path, strerror(errno));
	return walk(s, fd, "", 0, err);
}
