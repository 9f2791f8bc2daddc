#include "server/repository.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Folders below a model's that may hold weights, and files that are looked at; a link may lead to a whole disk. */
enum { MAX_DEPTH = 3, MAX_FILES = 10000, MAX_NAME = 128 };
#define MAX_NUMBER_DIGITS 18

/* --- stamps -------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

/* Of one file; a sum of them does not depend on the order in which a folder lists them. */
static uint64_t file_stamp(const char *name, const struct stat *st)
{
	uint64_t h = 1;
	for (const char *p = name; *p; p++)
		h = mix(h, (unsigned char)*p);
	h = mix(h, (uint64_t)st->st_dev);
	h = mix(h, (uint64_t)st->st_ino);
	h = mix(h, (uint64_t)st->st_size);
	h = mix(h, (uint64_t)st->st_mtim.tv_sec);
	h = mix(h, (uint64_t)st->st_mtim.tv_nsec);
	h = mix(h, (uint64_t)st->st_ctim.tv_sec);
	return mix(h, (uint64_t)st->st_ctim.tv_nsec);
}

static void visit_folder(const struct repository_visit *visit, const char *path)
{
	if (visit)
		visit->folder(visit->ctx, path);
}

static bool join(char out[PATH_MAX], const char *folder, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", folder, name);
	return n > 0 && n < PATH_MAX;
}

struct stamping {
	const struct repository_visit *visit;
	uint64_t sum;
	size_t left; /* files to look at */
};

/* The files of a folder whose names begin with `prefix`, and of the folders below. */
static void stamp_folder(struct stamping *s, const char *path, const char *prefix, int depth)
{
	visit_folder(s->visit, path);
	DIR *dir = opendir(path);
	if (!dir)
		return;
	for (const struct dirent *e; s->left > 0 && (e = readdir(dir));) {
		char below[PATH_MAX];
		struct stat st;
		/* what writes a file under a temporary name mostly hides it */
		if (e->d_name[0] == '.' || strncmp(e->d_name, prefix, strlen(prefix)) != 0 ||
		    !join(below, path, e->d_name) || stat(below, &st) != 0)
			continue;
		s->left--;
		if (S_ISREG(st.st_mode))
			s->sum += file_stamp(e->d_name, &st);
		else if (S_ISDIR(st.st_mode) && depth > 0)
			stamp_folder(s, below, "", depth - 1);
	}
	closedir(dir);
}

/* The folder that a path lies in. */
static bool parent_of(char out[PATH_MAX], const char *path)
{
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (n >= PATH_MAX)
		return false;
	snprintf(out, PATH_MAX, "%.*s", n ? (int)n : 1, n ? path : ".");
	return true;
}

uint64_t repository_stamp(const char *path, const struct repository_visit *visit)
{
	struct stamping s = {.visit = visit, .left = MAX_FILES};
	struct stat st;
	char folder[PATH_MAX];
	/* its folder too: a link or a folder that is renamed into its place changes nothing inside */
	if (!parent_of(folder, path))
		return 0;
	visit_folder(visit, folder);
	if (stat(path, &st) != 0)
		return 0;
	if (S_ISDIR(st.st_mode)) {
		stamp_folder(&s, path, "", MAX_DEPTH);
	} else {
		const char *name = strrchr(path, '/');
		name = name ? name + 1 : path;
		s.sum = file_stamp(name, &st);
		/* weights lie beside it as model.onnx.data or model.onnx_data */
		stamp_folder(&s, folder, strcmp(name, "model.onnx") == 0 ? "" : name, 0);
	}
	return s.sum ? s.sum : 1;
}

/* --- the list ------------------------------------------------------------------------------ */

struct listing {
	const struct repository_visit *visit;
	struct arena *arena;
	struct repository_list *list;
	size_t newest;
};

static const char *name_problem(const char *name)
{
	size_t n = strlen(name);
	if (n > MAX_NAME)
		return "its name is longer than 128 characters";
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		            (c >= '0' && c <= '9') || c == '_' || (i && (c == '.' || c == '-'));
		if (!good)
			return "its name may have letters, digits and . _ - only, and begin with "
			       "none of . -";
	}
	return NULL;
}

/* "1", "20"; 0 for anything else. */
static int64_t version_number(const char *name)
{
	size_t n = strlen(name);
	if (n < 1 || n > MAX_NUMBER_DIGITS || name[0] == '0' || strspn(name, "0123456789") != n)
		return 0;
	return strtoll(name, NULL, 10);
}

static bool has_model(const char *folder)
{
	char path[PATH_MAX];
	struct stat st;
	return join(path, folder, "model.onnx") && stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static enum cnn_status add(struct listing *l, const char *name, int64_t number, const char *path,
                           const char *problem, struct cnn_error *err)
{
	struct repository_list *list = l->list;
	if (list->n == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 16;
		struct repository_model *grown = arena_alloc(l->arena, capacity, sizeof *grown);
		if (!grown)
			return cnn_fail_memory(err, "the list of models", capacity * sizeof *grown);
		if (list->n)
			memcpy(grown, list->model, list->n * sizeof *grown);
		list->model = grown;
		list->capacity = capacity;
	}
	struct repository_model m = {.name = arena_strdup(l->arena, name),
	                             .number = number,
	                             .path = arena_strdup(l->arena, path),
	                             .problem = problem};
	if (!m.name || !m.path)
		return cnn_fail_memory(err, "the list of models", strlen(path));
	if (!problem)
		m.stamp = repository_stamp(path, l->visit);
	list->model[list->n++] = m;
	return CNN_OK;
}

static int highest_first(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x < y) - (x > y);
}

/* The numbered folders with a model, highest first. */
static enum cnn_status read_versions(struct listing *l, const char *path, int64_t **out, size_t *n,
                                     struct cnn_error *err)
{
	size_t capacity = 0;
	*n = 0;
	DIR *dir = opendir(path);
	if (!dir)
		return CNN_OK;
	enum cnn_status status = CNN_OK;
	for (const struct dirent *e; !status && *n < MAX_FILES && (e = readdir(dir));) {
		char below[PATH_MAX];
		int64_t number = version_number(e->d_name);
		if (!number || !join(below, path, e->d_name))
			continue;
		visit_folder(l->visit, below);
		if (!has_model(below))
			continue;
		if (*n == capacity) {
			capacity = capacity ? 2 * capacity : 8;
			int64_t *grown = realloc(*out, capacity * sizeof *grown);
			if (!grown) {
				status = cnn_fail_memory(err, path, capacity * sizeof *grown);
				break;
			}
			*out = grown;
		}
		(*out)[(*n)++] = number;
	}
	closedir(dir);
	if (*n)
		qsort(*out, *n, sizeof **out, highest_first);
	return status;
}

static enum cnn_status list_model(struct listing *l, const char *name, const char *path,
                                  struct cnn_error *err)
{
	const char *problem = name_problem(name);
	if (problem)
		return add(l, name, 0, path, problem, err);
	visit_folder(l->visit, path);
	int64_t *number = NULL;
	size_t n;
	enum cnn_status status = read_versions(l, path, &number, &n, err);
	for (size_t i = 0; i < n && !status && (!l->newest || i < l->newest); i++) {
		char below[PATH_MAX], version[24];
		snprintf(version, sizeof version, "%" PRId64, number[i]);
		if (join(below, path, version))
			status = add(l, name, number[i], below, NULL, err);
	}
	free(number);
	if (status || n)
		return status;
	return add(l, name, 0, path,
	           has_model(path) ? NULL
	                           : "there is no model.onnx in its folder, and no numbered "
	                             "folder with one",
	           err);
}

static int by_name(const void *a, const void *b)
{
	const struct repository_model *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order ? order : highest_first(&x->number, &y->number);
}

enum cnn_status repository_list(const char *path, size_t newest,
                                const struct repository_visit *visit, struct arena *arena,
                                struct repository_list *out, struct cnn_error *err)
{
	struct listing l = {visit, arena, out, newest};
	char parent[PATH_MAX];
	*out = (struct repository_list){0};
	if (parent_of(parent, path))
		visit_folder(visit, parent);
	visit_folder(visit, path);
	DIR *dir = opendir(path);
	if (!dir)
		return cnn_fail(err, CNN_IO, "--model-repository: %s: %s", path, strerror(errno));
	enum cnn_status status = CNN_OK;
	for (const struct dirent *e; !status && (e = readdir(dir));) {
		char below[PATH_MAX];
		struct stat st;
		if (e->d_name[0] == '.' || strcmp(e->d_name, "lost+found") == 0 ||
		    !join(below, path, e->d_name) || stat(below, &st) != 0 || !S_ISDIR(st.st_mode))
			continue;
		status = list_model(&l, e->d_name, below, err);
	}
	closedir(dir);
	if (out->n)
		qsort(out->model, out->n, sizeof *out->model, by_name);
	return status;
}
