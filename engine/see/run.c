/* A run that shows each layer's output. */
#include "engine/run/session.h"
#include "engine/see/viewer.h"

struct running {
	const struct see *see;
	const struct see_watch *watch;
	size_t end; /* steps; what comes after is not needed */
};

void see_shape(const struct value *v, struct see_maps *out)
{
	int32_t first = v->rank > 1 && v->dim[0] == 1, rank = v->rank - first;
	const int64_t *dim = v->dim + first;
	out->channels = rank > 0 ? (size_t)dim[0] : 1;
	out->width = rank > 1 ? (size_t)dim[rank - 1] : 1;
	out->height = 1;
	for (int32_t i = 1; i < rank - 1; i++)
		out->height *= (size_t)dim[i];
	bool last = v->layout == LAYOUT_CHANNELS_LAST && first;
	out->channel_step = last ? 1 : out->height * out->width;
	out->pixel_step = last ? out->channels : 1;
}

static bool show(const struct running *r, uint32_t row, const float *data)
{
	const struct see *see = r->see;
	value_id id = see->row[row].value;
	struct value v = see->model->graph->value[id];
	struct see_maps maps = {.layer = row, .data = data, .dtype = v.dtype};
	if (see_must_convert(&v)) {
		see_convert(&v, &see->real[id], data, see->converted);
		maps.data = see->converted;
		maps.quantised = see->real[id].scale != NULL;
		v.layout = LAYOUT_PLAIN;
	}
	see_shape(&v, &maps);
	return r->watch->on_layer(r->watch->ctx, &maps);
}

static bool on_step(void *ctx, const struct step *step, const float *out, size_t first, size_t n,
                    uint64_t ns)
{
	(void)first;
	(void)n;
	(void)ns;
	const struct running *r = ctx;
	size_t i = (size_t)(step - r->see->model->plan->step);
	uint32_t row = r->see->row_of_step[i];
	bool wanted = row != UINT32_MAX && (!r->watch->wanted || r->watch->wanted[row]);
	bool on = !wanted || show(r, row, out);
	return on && i + 1 < r->end;
}

enum cnn_status see_run(struct see *see, const struct cnn_item *item, float *scores,
                        const struct see_watch *watch, struct cnn_error *err)
{
	struct running r = {.see = see, .watch = watch};
	if (scores)
		r.end = see->model->plan->n_step;
	for (size_t i = 0; i < see->n && !scores; i++) {
		size_t step = see->row[i].step;
		if ((!watch->wanted || watch->wanted[i]) && step != UINT32_MAX && step >= r.end)
			r.end = step + 1;
	}
	return session_watch(see->session, item, scores ? scores : see->scores, on_step, &r, err);
}
