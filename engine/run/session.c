/* One worker's memory for a model, and the run itself. */
#include "engine/run/session.h"
#include "engine/base/pages.h"
#include "engine/run/model.h"

#include <stdlib.h>
#include <string.h>

struct cnn_session {
	struct cnn_model *model;
	struct cnn_pool *pool;
	char *arena, *scratch;
	const uint8_t **pixels; /* [max_batch], likewise the next two */
	const void **tensor;
	bool *raw;
	size_t bytes;
};

/* Takes a session's bytes out of what the model may have. The system itself would promise more than
 * there is, and kill the process later. */
static enum cnn_status take_bytes(struct cnn_model *model, size_t threads, size_t *out,
                                  struct cnn_error *err)
{
	const struct plan *plan = model->plan;
	size_t room = model->max_bytes, weights = arena_bytes(plan->arena), scratch, bytes;
	if (model->graph)
		weights += arena_bytes(model->graph->arena);
	bool fits = !__builtin_mul_overflow(threads, plan->scratch_bytes, &scratch) &&
	            !__builtin_add_overflow(scratch, plan->run_bytes, &bytes) &&
	            !__builtin_add_overflow(bytes, 2 * ARENA_ALIGN, &bytes) && weights <= room &&
	            bytes <= room - weights;
	size_t others = atomic_load(&model->session_bytes);
	while (fits && bytes <= room - weights - others)
		if (atomic_compare_exchange_weak(&model->session_bytes, &others, others + bytes)) {
			*out = bytes;
			return CNN_OK;
		}
	return cnn_fail(
		err, CNN_NO_MEMORY,
		"%s: a session needs %zu MB beside the %zu MB of weights and other sessions; "
		"%zu MB are allowed",
		model->info.path, (plan->run_bytes >> 20) + threads * (plan->scratch_bytes >> 20),
		(weights + others) >> 20, room >> 20);
}

enum cnn_status cnn_session_new(struct cnn_model *model, struct cnn_pool *pool,
                                struct cnn_session **out, struct cnn_error *err)
{
	struct cnn_session *s = calloc(1, sizeof *s);
	if (!s)
		return cnn_fail_memory(err, "a session", sizeof *s);
	size_t bytes = 0, arena = model->plan->run_bytes + ARENA_ALIGN;
	enum cnn_status status = take_bytes(model, cnn_pool_threads(pool), &bytes, err);
	if (status) {
		free(s);
		return status;
	}
	s->model = cnn_model_ref(model);
	s->pool = pool;
	s->bytes = bytes;
	s->arena = pages_alloc(arena);
	s->scratch = pages_alloc(bytes - arena);
	s->pixels = calloc(model->max_batch, sizeof *s->pixels);
	s->tensor = calloc(model->max_batch, sizeof *s->tensor);
	s->raw = calloc(model->max_batch, sizeof *s->raw);
	if (!s->arena || !s->scratch || !s->pixels || !s->tensor || !s->raw) {
		cnn_session_free(s);
		return cnn_fail(err, CNN_NO_MEMORY, "%s: out of memory for a session (%zu MB)",
		                model->info.path, bytes >> 20);
	}
	*out = s;
	return CNN_OK;
}

void cnn_session_free(struct cnn_session *session)
{
	if (!session)
		return;
	atomic_fetch_sub(&session->model->session_bytes, session->bytes);
	cnn_model_unref(session->model);
	pages_free(session->arena);
	pages_free(session->scratch);
	free(session->pixels);
	free(session->tensor);
	free(session->raw);
	free(session);
}

size_t cnn_session_bytes(const struct cnn_session *session)
{
	return session->bytes;
}

static bool watch_step(void *ctx, const struct step *step, const float *out, size_t first, size_t n,
                       uint64_t ns)
{
	const struct cnn_observer *observer = ctx;
	struct cnn_observed seen = {
		.layer = step->layer == NO_LAYER ? SIZE_MAX : step->layer,
		.last_layer = step->last_layer == NO_LAYER ? SIZE_MAX : step->last_layer,
		.kernel = step->kernel,
		.picture = first,
		.pictures = n,
		.shape = {.rank = step->rank},
		.channels_last = step->channels_last,
		.data = step->dtype == CNN_F32 ? out : NULL,
		.picture_stride = step->out_ref.stride / sizeof(float),
		.ns = ns,
	};
	memcpy(seen.shape.dim, step->dim, sizeof seen.shape.dim);
	observer->on_step(observer->ctx, &seen);
	return true;
}

static enum cnn_status run_watched(struct cnn_session *s, struct run *run, size_t n,
                                   plan_watch_fn *watch, void *ctx, struct cnn_error *err)
{
	const struct cnn_model *m = s->model;
	if (n < 1 || n > m->max_batch)
		return cnn_fail(err, CNN_BAD_ARG, "%s: a batch of %zu, limit %zu", m->info.name, n,
		                m->max_batch);
	run->arena = s->arena;
	run->scratch = s->scratch;
	run->scratch_stride = m->plan->scratch_bytes;
	run->pool = s->pool;
	cnn_pool_begin(s->pool);
	enum cnn_status status = plan_run(m->plan, run, n, watch, ctx, err);
	cnn_pool_end(s->pool);
	return status;
}

static enum cnn_status run_batch(struct cnn_session *s, struct run *run, size_t n,
                                 const struct cnn_observer *observer, struct cnn_error *err)
{
	return run_watched(s, run, n, observer ? watch_step : NULL, (void *)(uintptr_t)observer,
	                   err);
}

/* The pixels of picture i, which must have the model's size. */
static enum cnn_status take_picture(struct cnn_session *session, const struct image *picture,
                                    size_t i, struct cnn_error *err)
{
	const struct cnn_model *m = session->model;
	const struct image_fit *fit = &m->info.preprocess.fit;
	if (!m->info.takes_pictures)
		return cnn_fail(err, CNN_BAD_ARG, "%s: does not take pictures", m->info.name);
	if (picture->width != fit->width || picture->height != fit->height ||
	    picture->channels != fit->channels)
		return cnn_fail(err, CNN_BAD_ARG, "%s: picture %zu has not the model's size",
		                m->info.name, i);
	session->pixels[i] = picture->px;
	return CNN_OK;
}

enum cnn_status cnn_session_run(struct cnn_session *session, const struct image *const pictures[],
                                size_t n, float *scores, const struct cnn_observer *observer,
                                struct cnn_error *err)
{
	enum cnn_status status = CNN_OK;
	for (size_t i = 0; i < n && n <= session->model->max_batch && !status; i++)
		status = take_picture(session, pictures[i], i, err);
	if (status)
		return status;
	void *output[] = {scores};
	struct run run = {.pixels = session->pixels, .output = output};
	return run_batch(session, &run, n, observer, err);
}

static enum cnn_status take_items(struct cnn_session *session, const struct cnn_item items[],
                                  size_t n, struct cnn_error *err)
{
	enum cnn_status status = CNN_OK;
	for (size_t i = 0; i < n && n <= session->model->max_batch && !status; i++) {
		session->pixels[i] = NULL;
		session->tensor[i] = items[i].tensor;
		session->raw[i] = items[i].raw;
		if (items[i].picture)
			status = take_picture(session, items[i].picture, i, err);
		else if (!items[i].tensor)
			status = cnn_fail(err, CNN_BAD_ARG, "%s: item %zu is empty",
			                  session->model->info.name, i);
	}
	return status;
}

enum cnn_status cnn_session_run_items(struct cnn_session *session, const struct cnn_item items[],
                                      size_t n, float *scores, const struct cnn_observer *observer,
                                      struct cnn_error *err)
{
	enum cnn_status status = take_items(session, items, n, err);
	if (status)
		return status;
	void *output[] = {scores};
	struct run run = {
		.pixels = session->pixels,
		.tensor = session->tensor,
		.raw = session->raw,
		.output = output,
	};
	return run_batch(session, &run, n, observer, err);
}

enum cnn_status session_watch(struct cnn_session *session, const struct cnn_item *item,
                              float *scores, plan_watch_fn *watch, void *ctx, struct cnn_error *err)
{
	enum cnn_status status = take_items(session, item, 1, err);
	if (status)
		return status;
	void *output[] = {scores};
	struct run run = {
		.pixels = session->pixels,
		.tensor = session->tensor,
		.raw = session->raw,
		.output = output,
	};
	return run_watched(session, &run, 1, watch, ctx, err);
}

enum cnn_status cnn_session_run_tensor(struct cnn_session *session, const float *input, size_t n,
                                       bool raw, float *scores, const struct cnn_observer *observer,
                                       struct cnn_error *err)
{
	const void *inputs[] = {input};
	void *output[] = {scores};
	if (session->model->info.input_dtype != CNN_F32)
		return cnn_fail(err, CNN_BAD_ARG, "%s: takes pictures only, as %s",
		                session->model->info.name,
		                cnn_dtype_name(session->model->info.input_dtype));
	struct run run = {.input = inputs, .output = output, .raw_output = raw};
	return run_batch(session, &run, n, observer, err);
}
