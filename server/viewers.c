#include "server/viewers.h"
#include "server/batcher.h"
#include "server/give_back.h"

#include <stdlib.h>

struct viewer {
	struct cnn_model *model;     /* holds one reference */
	struct see *see;             /* NULL: not opened */
	struct cnn_session *session; /* likewise */
	uint64_t used_ns;
	struct viewer *next;
};

struct viewers {
	struct viewers_options options;
	struct viewer *first; /* last used first */
	atomic_size_t n, bytes;
};

struct viewers *viewers_new(const struct viewers_options *options)
{
	struct viewers *all = calloc(1, sizeof *all);
	if (all)
		all->options = *options;
	return all;
}

static size_t bytes_of(const struct viewer *v)
{
	return (v->see ? see_bytes(v->see) : 0) + (v->session ? cnn_session_bytes(v->session) : 0);
}

static void count(struct viewers *all)
{
	size_t n = 0, bytes = 0;
	for (const struct viewer *v = all->first; v; v = v->next) {
		n++;
		bytes += bytes_of(v);
	}
	atomic_store(&all->n, n);
	atomic_store(&all->bytes, bytes);
}

static void close_one(struct viewers *all, struct viewer **at)
{
	struct viewer *v = *at;
	*at = v->next;
	see_close(v->see);
	cnn_session_free(v->session);
	cnn_model_unref(v->model);
	free(v);
	count(all);
	give_back_free();
}

void viewers_free(struct viewers *all)
{
	while (all && all->first)
		close_one(all, &all->first);
	free(all);
}

/* Close the one that was not used for longest, but the first. False: there is none. */
static bool close_last(struct viewers *all)
{
	struct viewer **at = &all->first;
	if (!*at || !(*at)->next)
		return false;
	while ((*at)->next)
		at = &(*at)->next;
	close_one(all, at);
	return true;
}

/* The model's place, which becomes the first; NULL: memory ran out. */
static struct viewer *place_of(struct viewers *all, struct cnn_model *model)
{
	struct viewer **at = &all->first;
	while (*at && (*at)->model != model)
		at = &(*at)->next;
	struct viewer *v = *at;
	if (v)
		*at = v->next;
	else
		v = calloc(1, sizeof *v);
	if (!v)
		return NULL;
	if (!v->model)
		v->model = cnn_model_ref(model);
	v->next = all->first;
	v->used_ns = batcher_now_ns();
	all->first = v;
	count(all);
	return v;
}

/* What is left beside `need` bytes more; others are closed until they fit. */
static size_t make_room(struct viewers *all, size_t need)
{
	size_t max = all->options.max_bytes, taken;
	do
		taken = atomic_load(&all->bytes);
	while ((taken > max || need > max - taken) && close_last(all));
	return taken < max ? max - taken : 1;
}

enum cnn_status viewers_open(struct viewers *all, struct cnn_model *model, struct see **out,
                             struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	struct viewer *v = place_of(all, model);
	if (!v)
		return cnn_fail_memory(err, info->name, sizeof *v);
	struct see_options options = {.max_isa = all->options.max_isa};
	enum cnn_status status = CNN_OK;
	/* The weights once as they are, and once as they run. */
	size_t need = (size_t)info->file_bytes + info->weight_bytes + info->arena_bytes;
	while (!v->see) {
		options.max_bytes = make_room(all, need);
		status = see_open(info->path, info->sha256, &options, &v->see, err);
		if (status != CNN_NO_MEMORY || !v->next)
			break;
		need = all->options.max_bytes;
	}
	count(all);
	*out = v->see;
	return status;
}

enum cnn_status viewers_session(struct viewers *all, struct cnn_model *model,
                                struct cnn_session **out, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	struct viewer *v = place_of(all, model);
	if (!v)
		return cnn_fail_memory(err, info->name, sizeof *v);
	enum cnn_status status = CNN_OK;
	if (!v->session) {
		size_t room = make_room(all, info->arena_bytes);
		if (room < info->arena_bytes)
			return cnn_fail_memory(err, info->name, info->arena_bytes);
		status = cnn_session_new(model, NULL, &v->session, err);
	}
	count(all);
	*out = v->session;
	return status;
}

void viewers_close_idle(struct viewers *all)
{
	uint64_t now = batcher_now_ns();
	for (struct viewer **at = &all->first; *at;) {
		if (now - (*at)->used_ns >= all->options.idle_ns)
			close_one(all, at);
		else
			at = &(*at)->next;
	}
}

void viewers_close(struct viewers *all, const struct cnn_model *model)
{
	struct viewer **at = &all->first;
	while (*at && (*at)->model != model)
		at = &(*at)->next;
	if (*at)
		close_one(all, at);
}

void viewers_read(const struct viewers *all, size_t *n, size_t *bytes)
{
	*n = atomic_load(&all->n);
	*bytes = atomic_load(&all->bytes);
}
