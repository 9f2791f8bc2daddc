#include "server/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *model_state_name(enum model_state state)
{
	static const char *const names[] = {[MODEL_LOADING] = "LOADING",
	                                    [MODEL_READY] = "READY",
	                                    [MODEL_UNLOADING] = "UNLOADING",
	                                    [MODEL_UNAVAILABLE] = "UNAVAILABLE"};
	return names[state];
}

/* List anew what is served: of each name the first entry that is READY. There is room for all. */
static void list_served(struct registry *r)
{
	const char *name = NULL;
	r->n = 0;
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (e->state != MODEL_READY || (name && strcmp(name, e->name) == 0))
			continue;
		name = e->name;
		r->model[r->n++] = e->served;
	}
}

/* --- looking ------------------------------------------------------------------------------ */

/* Whether `tag` is the entry's "NAME:VERSION". */
static bool is_version(const struct registry_entry *e, const char *tag)
{
	size_t n = strlen(e->name);
	return strncmp(tag, e->name, n) == 0 && tag[n] == ':' &&
	       strcmp(tag + n + 1, e->version) == 0;
}

const struct registry_model *registry_find_version(const struct registry *r, const char *name,
                                                   const char *version)
{
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (e->state == MODEL_READY && strcmp(e->name, name) == 0 &&
		    strcmp(e->version, version) == 0)
			return &e->served;
	}
	return NULL;
}

/* The first name that came and has, or had, something to serve; NULL: there is none. */
static const char *first_name(const struct registry *r)
{
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (e->state == MODEL_READY || e->wanted || e->held)
			return e->name;
	}
	return NULL;
}

const struct registry_model *registry_find(const struct registry *r, const char *name)
{
	if (!name)
		name = first_name(r);
	if (!name)
		return NULL;
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->model[i].name, name) == 0)
			return &r->model[i];
	}
	const struct registry_entry *e = registry_look(r, name);
	return e && e->state == MODEL_READY ? &e->served : NULL;
}

const struct registry_entry *registry_look(const struct registry *r, const char *name)
{
	const struct registry_entry *first = NULL;
	if (!name)
		name = first_name(r);
	for (size_t i = 0; name && i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (strcmp(e->name, name) != 0)
			continue;
		if (e->state == MODEL_READY)
			return e;
		first = first ? first : e;
	}
	for (size_t i = 0; name && !first && i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (is_version(e, name))
			return e;
	}
	return first;
}

void registry_names(const struct registry *r, char *out, size_t size)
{
	size_t len = 0;
	out[0] = '\0';
	for (size_t i = 0; i < r->n; i++) {
		size_t need = (i ? 2 : 0) + strlen(r->model[i].name);
		if (len + need + sizeof ", ..." > size) {
			snprintf(out + len, size - len, "%s...", i ? ", " : "");
			return;
		}
		len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "",
		                        r->model[i].name);
	}
}

struct registry_entry *registry_entry(const struct registry *r, const char *name, int64_t number)
{
	for (size_t i = 0; i < r->n_entries; i++) {
		if (r->entry[i]->number == number && strcmp(r->entry[i]->name, name) == 0)
			return r->entry[i];
	}
	return NULL;
}

/* --- changing ----------------------------------------------------------------------------- */

static bool grow(struct registry *r)
{
	struct registry_entry **entry = realloc(r->entry, (r->n_entries + 1) * sizeof *entry);
	if (entry)
		r->entry = entry;
	struct registry_model *model = realloc(r->model, (r->n_entries + 1) * sizeof *model);
	if (model)
		r->model = model;
	return entry && model;
}

static void free_entry(struct registry_entry *e)
{
	if (!e)
		return;
	free(e->name);
	free(e->path);
	free(e);
}

/* Before the lower versions of its name, else at the end. */
static size_t place_of(const struct registry *r, const char *name, int64_t number)
{
	size_t at = r->n_entries;
	for (size_t i = 0; i < r->n_entries; i++) {
		if (strcmp(r->entry[i]->name, name) != 0)
			continue;
		if (r->entry[i]->number < number)
			return i;
		at = i + 1;
	}
	return at;
}

enum cnn_status registry_insert(struct registry *r, const char *name, int64_t number,
                                const char *path, struct registry_entry **out,
                                struct cnn_error *err)
{
	if (!grow(r))
		return cnn_fail_memory(err, "the list of models",
		                       (r->n_entries + 1) * sizeof **r->entry);
	struct registry_entry *e = calloc(1, sizeof *e);
	if (e) {
		e->name = strdup(name);
		e->path = strdup(path);
	}
	if (!e || !e->name || !e->path) {
		free_entry(e);
		return cnn_fail_memory(err, "a model's entry", sizeof *e);
	}
	e->number = number;
	if (number)
		snprintf(e->version, sizeof e->version, "%" PRId64, number);
	e->state = MODEL_UNAVAILABLE;
	size_t at = place_of(r, name, number);
	memmove(r->entry + at + 1, r->entry + at, (r->n_entries - at) * sizeof *r->entry);
	r->entry[at] = e;
	r->n_entries++;
	*out = e;
	return CNN_OK;
}

enum cnn_status registry_add(struct registry *r, struct batcher *b, const char *name,
                             struct cnn_model *model, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	if (!name)
		name = info->name;
	if (!*name)
		return cnn_fail(err, CNN_BAD_ARG,
		                "'%s': the model has no name, give one with NAME=PATH", info->path);
	if (registry_entry(r, name, 0))
		return cnn_fail(
			err, CNN_BAD_ARG,
			"'%s': a model called '%s' is served already, give another name with "
			"NAME=PATH",
			info->path, name);
	struct registry_entry *e;
	enum cnn_status status = registry_insert(r, name, 0, info->path, &e, err);
	if (status != CNN_OK)
		return status;
	struct registry_model served = {0};
	status = batcher_add_model(b, model, &served.queue, err);
	if (status != CNN_OK) {
		registry_forget(r, e);
		return status;
	}
	served.model = cnn_model_ref(model);
	registry_serve(r, e, &served);
	return CNN_OK;
}

struct registry_model registry_serve(struct registry *r, struct registry_entry *e,
                                     const struct registry_model *served)
{
	struct registry_model old = e->served;
	e->served = *served;
	e->served.name = e->name;
	if (!e->number)
		snprintf(e->version, sizeof e->version, "%s",
		         cnn_model_info(served->model)->version);
	e->state = MODEL_READY;
	e->reason[0] = '\0';
	list_served(r);
	return old;
}

struct registry_model registry_withdraw(struct registry *r, struct registry_entry *e,
                                        enum model_state state, const char *reason)
{
	struct registry_model old = e->served;
	e->served = (struct registry_model){0};
	e->state = state;
	snprintf(e->reason, sizeof e->reason, "%s", reason);
	list_served(r);
	return old;
}

void registry_forget(struct registry *r, struct registry_entry *e)
{
	size_t at = r->n_entries;
	/* Counters never fall: another version of the name goes on with them. */
	for (size_t i = 0; i < r->n_entries; i++) {
		struct registry_entry *other = r->entry[i];
		if (other == e)
			at = i;
		else if (strcmp(other->name, e->name) == 0) {
			other->loads_good += e->loads_good;
			other->loads_failed += e->loads_failed;
			e->loads_good = e->loads_failed = 0;
		}
	}
	r->n_entries--;
	memmove(r->entry + at, r->entry + at + 1, (r->n_entries - at) * sizeof *r->entry);
	free_entry(e);
	list_served(r);
}

void registry_clear(struct registry *r)
{
	for (size_t i = 0; i < r->n_entries; i++) {
		cnn_model_unref(r->entry[i]->served.model);
		free_entry(r->entry[i]);
	}
	free(r->entry);
	free(r->model);
	*r = (struct registry){0};
}
