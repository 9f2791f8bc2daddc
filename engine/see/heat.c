/* heat.c - choose a method, run it. */
#include "engine/see/heat.h"

#include "engine/see/head.h"
#include "engine/see/occlusion.h"
#include "engine/see/viewer.h"

#include <math.h>
#include <stdlib.h>

struct explaining {
	struct see *see;
	struct cnn_model *model;
	struct cnn_session *session;
	const struct image *picture;
	const struct heat_options *options;
	float *scores; /* [classes] */
	uint32_t cls;
	/* of the methods that weigh maps */
	struct arena *arena;
	struct head head;
	size_t layer;
	size_t channels, plane; /* of its maps */
	float *maps, *gradient; /* [channels][plane] */
	bool real;              /* the maps are real numbers */
};

static enum cnn_status choose_class(struct explaining *e, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(e->model);
	int64_t cls = e->options->cls;
	enum cnn_status status = cnn_scores_check(e->model, e->scores, err);
	if (status)
		return status;
	if (cls < -1 || cls >= (int64_t)info->classes)
		return cnn_fail(err, CNN_BAD_ARG, "model '%s' has no class %lld, only 0..%zu",
		                info->name, (long long)cls, info->classes - 1);
	e->cls = (uint32_t)cls;
	if (cls < 0)
		cnn_top(e->scores, info->classes, 1, &e->cls);
	return CNN_OK;
}

/* --- weighed maps ---------------------------------------------------------------------------------- */

static enum cnn_status find_layer(struct explaining *e, struct cnn_error *err)
{
	const struct see *see = e->see;
	const struct value *v = &see->model->graph->value[e->head.maps];
	e->layer = 0;
	while (e->layer < see->n && see->row[e->layer].value != e->head.maps)
		e->layer++;
	if (e->layer == see->n)
		return cnn_fail(err, CNN_UNSUPPORTED, "the last feature maps, '%s', are no layer's",
		                v->name);
	e->channels = (size_t)v->dim[1];
	e->plane = (size_t)(v->dim[2] * v->dim[3]);
	e->maps = arena_alloc(e->arena, e->channels * e->plane, sizeof *e->maps);
	e->gradient = arena_alloc(e->arena, e->channels * e->plane, sizeof *e->gradient);
	if (!e->maps || !e->gradient)
		return cnn_fail_memory(err, "feature maps", e->channels * e->plane * sizeof(float));
	return CNN_OK;
}

static bool keep_maps(void *ctx, const struct see_maps *maps)
{
	struct explaining *e = ctx;
	float *to = e->maps;
	e->real = maps->dtype == CNN_F32 || maps->quantised;
	for (size_t c = 0; c < e->channels; c++)
		for (size_t i = 0; i < e->plane; i++)
			*to++ = maps->data[c * maps->channel_step + i * maps->pixel_step];
	return true;
}

static enum cnn_status run_viewer(struct explaining *e, struct cnn_error *err)
{
	bool *wanted = arena_alloc(e->arena, e->see->n, sizeof *wanted);
	if (!wanted)
		return cnn_fail_memory(err, "feature maps", e->see->n);
	wanted[e->layer] = true;
	const struct see_watch watch = {.on_layer = keep_maps, .ctx = e, .wanted = wanted};
	const struct cnn_item item = {.picture = e->picture};
	enum cnn_status status = see_run(e->see, &item, e->session ? NULL : e->scores, &watch, err);
	if (!status && !e->real)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "model '%s': what the numbers of '%s' stand for is not known",
		                cnn_model_info(e->model)->name,
		                cnn_model_layer(e->see->model, e->layer)->name);
	return status;
}

/* Does each map have one gradient everywhere? Then what is behind them looks at their averages only. */
static bool gradient_is_even(const struct explaining *e)
{
	for (size_t c = 0; c < e->channels; c++)
		for (size_t i = 1; i < e->plane; i++)
			if (e->gradient[c * e->plane + i] != e->gradient[c * e->plane])
				return false;
	return true;
}

/* The sum of the maps, each times its gradient's mean; for CAM times its sum, the weight of the map's average. */
static void weigh(const struct explaining *e, struct heat *out)
{
	for (size_t c = 0; c < e->channels; c++) {
		const float *map = e->maps + c * e->plane, *gradient = e->gradient + c * e->plane;
		double weight = 0;
		for (size_t i = 0; i < e->plane; i++)
			weight += (double)gradient[i];
		if (out->method == HEAT_GRADCAM)
			weight /= (double)e->plane;
		for (size_t i = 0; i < e->plane; i++)
			out->map[i] += (float)weight * map[i];
	}
}

static enum cnn_status pick_method(const struct explaining *e, enum heat_method *method,
                                   struct cnn_error *err)
{
	bool cam = e->head.affine && gradient_is_even(e);
	if (e->options->method == HEAT_CAM && !cam)
		return cnn_fail(
			err, CNN_UNSUPPORTED,
			"model '%s' has no class activation maps: behind '%s' there is more "
			"than an average and weighted sums",
			cnn_model_info(e->model)->name,
			cnn_model_layer(e->see->model, e->layer)->name);
	*method = cam && e->options->method != HEAT_GRADCAM ? HEAT_CAM : HEAT_GRADCAM;
	return CNN_OK;
}

static enum cnn_status weigh_maps(struct explaining *e, struct heat *out, struct cnn_error *err)
{
	const struct graph *g = e->see->model->graph;
	size_t held = see_bytes(e->see), most = e->see->model->max_bytes;
	enum cnn_status status = find_layer(e, err);
	if (!status)
		status = run_viewer(e, err);
	if (!status)
		status = choose_class(e, err);
	if (!status)
		status = head_gradient(g, &e->head, e->maps, e->cls, most > held ? most - held : 1,
		                       e->gradient, NULL, err);
	if (!status)
		status = pick_method(e, &out->method, err);
	const struct value *v = &g->value[e->head.maps];
	if (!status)
		status = heat_new(out, (int32_t)v->dim[2], (int32_t)v->dim[3], err);
	if (status)
		return status;
	out->layer = cnn_model_layer(e->model, e->layer)->name;
	weigh(e, out);
	for (size_t i = 0; i < e->plane; i++)
		if (!isfinite(out->map[i]))
			return cnn_fail(err, CNN_BAD_MODEL,
			                "model '%s': the maps of '%s' are not finite numbers",
			                cnn_model_info(e->model)->name, out->layer);
	return CNN_OK;
}

/* --- all together ------------------------------------------------------------------------------------ */

static enum cnn_status occlude(struct explaining *e, struct heat *out, struct cnn_error *err)
{
	if (!e->session)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "model '%s': no session to run occlusion with",
		                cnn_model_info(e->model)->name);
	enum cnn_status status = choose_class(e, err);
	out->method = HEAT_OCCLUSION;
	out->layer = "";
	return status ? status
	              : occlusion_map(e->model, e->session, e->picture, e->options, e->scores,
	                              e->cls, out, err);
}

static enum cnn_status find_head(struct explaining *e, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(e->model);
	if (!e->see)
		return cnn_fail(err, CNN_UNSUPPORTED, "model '%s': no viewer of its layers",
		                info->name);
	e->arena = arena_new();
	if (!e->arena)
		return cnn_fail_memory(err, info->name, sizeof *e);
	struct cnn_error why;
	enum cnn_status status = head_find(e->see->model->graph, e->arena, &e->head, &why);
	if (status)
		return cnn_fail(err, status, "model '%s': %s", info->name, why.text);
	if (graph_elements(&e->see->model->graph->value[e->head.scores]) != (int64_t)info->classes)
		return cnn_fail(err, CNN_UNSUPPORTED, "model '%s': its scores are not one by class",
		                info->name);
	return CNN_OK;
}

static enum cnn_status explain(struct explaining *e, struct heat *out, struct cnn_error *err)
{
	const struct image *const pictures[] = {e->picture};
	enum heat_method method = e->options->method;
	enum cnn_status status = CNN_OK;
	if (e->session)
		status = cnn_session_run(e->session, pictures, 1, e->scores, NULL, err);
	if (status)
		return status;
	if (method == HEAT_OCCLUSION)
		return occlude(e, out, err);
	status = find_head(e, err);
	if (!status)
		status = weigh_maps(e, out, err);
	bool other = status == CNN_UNSUPPORTED && method == HEAT_AUTO && e->session;
	return other ? occlude(e, out, err) : status;
}

enum cnn_status heat_explain(struct see *see, struct cnn_model *model, struct cnn_session *session,
                             const struct image *picture, const struct heat_options *options,
                             struct heat *out, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	struct explaining e = {see, model, session, picture, options, .arena = NULL};
	struct heat heat = {.layer = ""};
	if (!info->takes_pictures)
		return cnn_fail(err, CNN_BAD_ARG, "model '%s' does not take pictures", info->name);
	e.scores = calloc(info->classes, sizeof *e.scores);
	enum cnn_status status =
		e.scores ? explain(&e, &heat, err)
			 : cnn_fail_memory(err, "scores", info->classes * sizeof *e.scores);
	if (!status) {
		heat.cls = e.cls;
		heat.share = e.scores[e.cls];
		*out = heat;
	} else {
		heat_clear(&heat);
	}
	arena_free(e.arena);
	free(e.scores);
	return status;
}
