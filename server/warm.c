#include "server/warm.h"

#include <math.h>
#include <stdlib.h>

/* How far a softmax's sum may be from 1: a thousand classes of float32, also quantised ones. */
#define SUM_ROOM 0.01

/* One input of zeros, which stands for every one of a batch, and room for the answers. */
struct zeros {
	struct image picture;
	const struct image **pictures; /* [max_batch], all the same */
	float *tensor;                 /* of a model that takes no pictures: a whole batch */
	float *scores;
};

static enum cnn_status make_zeros(const struct cnn_model_info *info, size_t n, struct zeros *z,
                                  struct cnn_error *err)
{
	const struct image_fit *fit = &info->preprocess.fit;
	size_t elements = 1;
	for (int32_t i = 0; i < info->input.rank; i++)
		elements *= (size_t)info->input.dim[i];
	z->scores = calloc(n, info->classes * sizeof *z->scores);
	if (info->takes_pictures) {
		z->picture = (struct image){NULL, fit->width, fit->height, fit->channels};
		z->picture.px =
			calloc((size_t)fit->width * (size_t)fit->height, (size_t)fit->channels);
		z->pictures = calloc(n, sizeof *z->pictures);
		for (size_t i = 0; z->pictures && i < n; i++)
			z->pictures[i] = &z->picture;
	} else {
		z->tensor = calloc(n, elements * sizeof *z->tensor);
	}
	bool good = z->scores && (z->tensor || (z->picture.px && z->pictures));
	return good ? CNN_OK : cnn_fail_memory(err, info->path, elements * sizeof(float));
}

static enum cnn_status check_scores(const struct cnn_model *model, const float *scores,
                                    struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	if (cnn_scores_check(model, scores, err) != CNN_OK)
		return err->code;
	if (info->activation != CNN_OUTPUT_SOFTMAX)
		return CNN_OK;
	double sum = 0;
	for (size_t i = 0; i < info->classes; i++)
		sum += (double)scores[i];
	if (fabs(sum - 1) <= SUM_ROOM)
		return CNN_OK;
	return cnn_fail(err, CNN_BAD_MODEL, "%s: the probabilities of a black picture add up to %g",
	                info->path, sum);
}

static enum cnn_status run(const struct cnn_model *model, struct cnn_session *session,
                           const struct zeros *z, size_t n, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	enum cnn_status status =
		z->pictures ? cnn_session_run(session, z->pictures, n, z->scores, NULL, err)
			    : cnn_session_run_tensor(session, z->tensor, n, false, z->scores, NULL,
	                                             err);
	for (size_t i = 0; i < n && !status; i++)
		status = check_scores(model, z->scores + i * info->classes, err);
	return status;
}

enum cnn_status warm_model(const struct cnn_model *model, const struct batch_queue *queue,
                           struct cnn_error *err)
{
	struct cnn_session *const *session;
	size_t n = batcher_sessions(queue, &session), batch = batcher_max_batch(queue);
	struct zeros z = {0};
	enum cnn_status status = make_zeros(cnn_model_info(model), batch, &z, err);
	for (size_t i = 0; i < n && !status; i++) {
		status = run(model, session[i], &z, 1, err);
		if (!status && batch > 1)
			status = run(model, session[i], &z, batch, err);
	}
	free(z.picture.px);
	free(z.pictures);
	free(z.tensor);
	free(z.scores);
	return status;
}
