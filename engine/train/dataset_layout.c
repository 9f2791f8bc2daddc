/* Which of the files that were listed are pictures, of which class and for which split. */
#include <stdlib.h>
#include <string.h>

#include "engine/train/dataset.h"

/* --- folders -------------------------------------------------------------- */

/* By bytes, a folder before what is in it, and that before "folder.old". */
static int compare_paths(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	int first = *a == '/' ? 1 : *a ? (unsigned char)*a + 1 : 0;
	int second = *b == '/' ? 1 : *b ? (unsigned char)*b + 1 : 0;
	return first - second;
}

static int compare_entries(const void *a, const void *b)
{
	const struct dataset_entry *x = a, *y = b;
	int order = compare_paths(x->path, y->path);
	return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

/* A file may be in a .tar twice: the later one is the newer. */
static void sort_entries(struct dataset_source *s)
{
	size_t kept = 0;
	if (s->entries == 0)
		return;
	qsort(s->entry, s->entries, sizeof *s->entry, compare_entries);
	for (size_t i = 1; i < s->entries; i++) {
		if (strcmp(s->entry[i].path, s->entry[kept].path) != 0)
			kept++;
		s->entry[kept] = s->entry[i];
	}
	s->entries = kept + 1;
}

/* A file or a folder within a folder. */
struct child {
	const char *path; /* its first `len` bytes are those of the child */
	const char *name;
	size_t len, name_len;
	bool folder;
	struct dataset_range inside;
};

/* The child that begins at entry *at, which moves on to the next one. */
static bool next_child(const struct dataset_source *s, struct dataset_range in, size_t *at,
                       struct child *out)
{
	if (*at >= in.to)
		return false;
	const char *path = s->entry[*at].path;
	size_t name_len = strcspn(path + in.skip, "/"), len = in.skip + name_len;
	*out = (struct child){path, path + in.skip, len, name_len, false, {in.to, *at, len + 1}};
	for (; *at < in.to; ++*at) {
		const struct dataset_entry *e = &s->entry[*at];
		if (strncmp(e->path, path, len) != 0 || (e->path[len] && e->path[len] != '/'))
			break;
		out->folder |= e->folder || e->path[len] == '/';
		if (e->path[len] == '/' && out->inside.from > *at)
			out->inside.from = *at;
	}
	out->inside.to = *at;
	if (out->inside.from > *at)
		out->inside.from = *at;
	return true;
}

static size_t count_folders(const struct dataset_source *s, struct dataset_range in)
{
	struct child c;
	size_t n = 0;
	for (size_t at = in.from; next_child(s, in, &at, &c);)
		n += c.folder;
	return n;
}

static bool is_named(const struct child *c, const char *name)
{
	return c->name_len == strlen(name) && memcmp(c->name, name, c->name_len) == 0;
}

/* Whether there is a folder of this name with folders in it. */
static bool find_split(const struct dataset_source *s, struct dataset_range in, const char *name,
                       struct dataset_range *out)
{
	struct child c;
	for (size_t at = in.from; next_child(s, in, &at, &c);)
		if (c.folder && is_named(&c, name) && count_folders(s, c.inside) > 0) {
			*out = c.inside;
			return true;
		}
	return false;
}

/* --- what is left out ----------------------------------------------------- */

static enum cnn_status skip_child(struct dataset_source *s, const struct child *c,
                                  const char *reason, struct cnn_error *err)
{
	const char *path = arena_strndup(s->arena, c->path, c->len);
	if (!path)
		return cnn_fail_memory(err, "the names of files", c->len);
	dataset_skip(s, path, reason);
	return CNN_OK;
}

static enum cnn_status skip_files(struct dataset_source *s, struct dataset_range in,
                                  struct cnn_error *err)
{
	struct child c;
	enum cnn_status status = CNN_OK;
	for (size_t at = in.from; !status && next_child(s, in, &at, &c);)
		if (!c.folder)
			status = skip_child(s, &c, "not in the folder of a class", err);
	return status;
}

/* What is beside train/ and val/. */
static enum cnn_status skip_other_folders(struct dataset_source *s, struct dataset_range in,
                                          struct cnn_error *err)
{
	struct child c;
	enum cnn_status status = CNN_OK;
	for (size_t at = in.from; !status && next_child(s, in, &at, &c);)
		if (c.folder && !is_named(&c, "train") && !is_named(&c, "val") &&
		    !is_named(&c, "test"))
			status = skip_child(s, &c, "not named train, val or test", err);
	return status;
}

/* --- classes -------------------------------------------------------------- */

static enum cnn_status take_pictures(struct dataset_source *s, const struct child *c, uint32_t cls,
                                     enum dataset_split split, struct cnn_error *err)
{
	enum cnn_status status = CNN_OK;
	for (size_t i = c->inside.from; !status && i < c->inside.to; i++) {
		const struct dataset_entry *e = &s->entry[i];
		if (e->folder)
			continue;
		const struct dataset_item item = {
			.file = e->path,
			.refused = strchr(e->path + c->inside.skip, '/')
		                           ? "in a folder within that of a class"
		                           : e->refused,
			.offset = e->offset,
			.size = e->size,
			.fd = s->tar,
			.cls = cls,
			.split = split,
		};
		status = dataset_add_item(s, &item, err);
	}
	return status;
}

static enum cnn_status take_train(struct dataset_source *s, struct dataset_range in,
                                  struct cnn_error *err)
{
	struct child c;
	enum cnn_status status = skip_files(s, in, err);
	for (size_t at = in.from; !status && next_child(s, in, &at, &c);) {
		if (!c.folder)
			continue;
		status = dataset_add_class(s, c.name, c.name_len, err);
		if (!status)
			status = take_pictures(s, &c, (uint32_t)(s->classes - 1), DATASET_TRAIN,
			                       err);
	}
	return status;
}

/* Both are sorted alike, so the classes of val/ are found by going along train/'s. */
static enum cnn_status take_val(struct dataset_source *s, struct dataset_range in,
                                struct cnn_error *err)
{
	struct child c;
	size_t cls = 0;
	enum cnn_status status = skip_files(s, in, err);
	for (size_t at = in.from; !status && next_child(s, in, &at, &c);) {
		if (!c.folder)
			continue;
		while (cls < s->classes && !is_named(&c, s->class_name[cls]))
			cls++;
		if (cls == s->classes)
			return cnn_fail(err, CNN_BAD_ARG, "%s: '%.*s' is no class of train/",
			                s->path, (int)c.len, c.path);
		status = take_pictures(s, &c, (uint32_t)cls, DATASET_VAL, err);
	}
	s->val_is_own = true;
	return status;
}

/* --- all of it ------------------------------------------------------------ */

/* The folder that holds train/ or the classes or IDX files: the root, or the only folder in it. */
static struct dataset_range look_through(const struct dataset_source *s)
{
	struct dataset_range root = {0, s->entries, 0}, train;
	struct child c;
	if (dataset_has_idx(s, root) || find_split(s, root, "train", &train) ||
	    count_folders(s, root) != 1)
		return root;
	for (size_t at = root.from; next_child(s, root, &at, &c);)
		if (c.folder && (count_folders(s, c.inside) > 0 || dataset_has_idx(s, c.inside)))
			return c.inside;
	return root;
}

enum cnn_status dataset_layout(struct dataset_source *s, struct cnn_error *err)
{
	sort_entries(s);
	struct dataset_range root = look_through(s), train, val;
	if (dataset_has_idx(s, root))
		return dataset_take_idx(s, root, err);

	enum cnn_status status =
		root.skip ? skip_files(s, (struct dataset_range){0, s->entries, 0}, err) : CNN_OK;
	if (status)
		return status;
	if (!find_split(s, root, "train", &train))
		return take_train(s, root, err);
	status = skip_files(s, root, err);
	if (!status)
		status = skip_other_folders(s, root, err);
	if (!status)
		status = take_train(s, train, err);
	if (!status && (find_split(s, root, "val", &val) || find_split(s, root, "test", &val)))
		status = take_val(s, val, err);
	return status;
}
