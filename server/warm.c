#include "server/warm.h"

#include <math.h>
#include <stdlib.h>

/* How far a softmax's sum may be from 1: a thousand classes of float32, also quantised ones. */
#define SUM_ROOM 0.01

/* One input of zeros, which stands for every one of a batch, and room for the answers. */
struct zeros {
	struct image picture;
	void *tensor; /* of a model that takes no pictures */
	struct cnn_item *item;
	float *scores;
};

/* The sizes are those of a session that was made already: no product overflows. */
static enum cnn_status make_zeros(const struct cnn_model_info *info, size_t n, struct zeros *z,
                                  struct cnn_error *err)
{
	const struct image_fit *fit = &info->preprocess.fit;
	size_t bytes = cnn_dtype_size(info->input_dtype);
	for (int32_t i = 0; i < info->input.rank; i++)
		bytes *= (size_t)info->input.dim[i];
	z->scores = calloc(n, info->classes * sizeof *z->scores);
	z->item = calloc(n, sizeof *z->item);
	if (info->takes_pictures) {
		z->picture = (struct image){NULL, fit->width, fit->height, fit->channels};
		z->picture.px =
			calloc((size_t)fit->width * (size_t)fit->height, (size_t)fit->channels);
	} else {
		z->tensor = calloc(bytes ? bytes : 1, 1);
	}
	if (!z->scores || !z->item || !(z->picture.px || z->tensor))
		return cnn_fail_memory(err, info->path, bytes);
	for (size_t i = 0; i < n; i++) {
		z->item[i].picture = z->picture.px ? &z->picture : NULL;
		z->item[i].tensor = z->tensor;
	}
	return CNN_OK;
}

static enum cnn_status check_scores(const struct cnn_model *model, const float *scores,
                                    struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	enum cnn_status status = cnn_scores_check(model, scores, err);
	if (status || info->activation != CNN_OUTPUT_SOFTMAX)
		return status;
	double sum = 0;
	for (size_t i = 0; i < info->classes; i++)
		sum += (double)scores[i];
	if (fabs(sum - 1) <= SUM_ROOM)
		return CNN_OK;
	return cnn_fail(err, CNN_BAD_MODEL, "the probabilities add up to %g", sum);
}

static enum cnn_status run(const struct cnn_model *model, struct cnn_session *session,
                           const struct zeros *z, size_t n, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	struct cnn_error why;
	enum cnn_status status = cnn_session_run_items(session, z->item, n, z->scores, NULL, &why);
	for (size_t i = 0; i < n && !status; i++)
		status = check_scores(model, z->scores + i * info->classes, &why);
	return status ? cnn_fail(err, status, "%s: tried with an input of zeros: %.300s",
	                         info->path, why.text)
	              : CNN_OK;
}

enum cnn_status warm_model(const struct cnn_model *model, const struct batch_queue *queue,
                           const atomic_bool *stop, struct cnn_error *err)
{
	struct cnn_session *const *session;
	size_t n = batcher_sessions(queue, &session), batch = batcher_max_batch(queue);
	struct zeros z = {0};
	enum cnn_status status = make_zeros(cnn_model_info(model), batch, &z, err);
	for (size_t i = 0; i < n && !status && !atomic_load(stop); i++) {
		status = run(model, session[i], &z, 1, err);
		if (!status && batch > 1 && !atomic_load(stop))
			status = run(model, session[i], &z, batch, err);
	}
	free(z.picture.px);
	free(z.tensor);
	free(z.item);
	free(z.scores);
	return status;
}
