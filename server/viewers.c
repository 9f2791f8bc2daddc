#include "server/viewers.h"

#include <stdio.h>
#include <string.h>

static void close_one(struct viewer *one)
{
	see_close(one->see);
	*one = (struct viewer){0};
}

void viewers_sweep(struct viewers *v, uint64_t before_ns)
{
	for (size_t i = 0; i < VIEWERS_MAX; i++)
		if (v->viewer[i].see && v->viewer[i].used_ns < before_ns)
			close_one(&v->viewer[i]);
}

size_t viewers_bytes(const struct viewers *v)
{
	size_t bytes = 0;
	for (size_t i = 0; i < VIEWERS_MAX; i++)
		bytes += v->viewer[i].see ? see_bytes(v->viewer[i].see) : 0;
	return bytes;
}

/* The one that was not looked at for longest; NULL: none is open but `keep`. */
static struct viewer *oldest(struct viewers *v, const struct viewer *keep)
{
	struct viewer *found = NULL;
	for (size_t i = 0; i < VIEWERS_MAX; i++) {
		struct viewer *one = &v->viewer[i];
		if (one->see && one != keep && (!found || one->used_ns < found->used_ns))
			found = one;
	}
	return found;
}

static struct viewer *empty_place(struct viewers *v)
{
	for (size_t i = 0; i < VIEWERS_MAX; i++)
		if (!v->viewer[i].see)
			return &v->viewer[i];
	struct viewer *place = oldest(v, NULL);
	close_one(place);
	return place;
}

enum cnn_status viewers_get(struct viewers *v, const struct cnn_model *model, uint64_t now_ns,
                            struct see **out, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	for (size_t i = 0; i < VIEWERS_MAX; i++) {
		struct viewer *one = &v->viewer[i];
		if (one->see && strcmp(one->sha256, info->sha256) == 0) {
			one->used_ns = now_ns;
			*out = one->see;
			return CNN_OK;
		}
	}
	struct viewer *place = empty_place(v);
	const struct see_options options = {.max_isa = v->max_isa, .max_bytes = v->max_bytes};
	enum cnn_status status = see_open(info->path, info->sha256, &options, &place->see, err);
	if (status) {
		place->see = NULL;
		return status;
	}
	snprintf(place->sha256, sizeof place->sha256, "%s", info->sha256);
	place->used_ns = now_ns;
	struct viewer *other;
	while (v->max_bytes && viewers_bytes(v) > v->max_bytes && (other = oldest(v, place)))
		close_one(other);
	*out = place->see;
	return CNN_OK;
}
