/* occlusion.c - a patch of the picture's mean colour slid over it, many pictures to a run. */
#include "engine/see/occlusion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pictures that are held at a time, whatever a session may take. */
#define MAX_TOGETHER 16

/* One axis: cells of nearly the same size, and the patches over them. */
struct axis {
	int32_t size, cells, span, patches; /* pixels; cells; cells of a patch; places of it */
};

struct occlusion {
	const struct image *picture;
	struct axis x, y;
	uint8_t mean[3];
	size_t together, classes;
	struct image covered[MAX_TOGETHER];
	float *scores; /* [together][classes] */
	float *fall;   /* [y.patches][x.patches] */
	uint32_t cls;
	bool shares; /* scores are shares of a whole */
};

static struct axis axis_of(int32_t size, int32_t longer, int32_t cells)
{
	struct axis a = {.size = size};
	a.cells = (int32_t)lround((double)cells * size / longer);
	a.cells = a.cells < 2 ? 2 : a.cells;
	a.cells = a.cells > size ? size : a.cells;
	a.span = a.cells < 2 ? 1 : 2;
	a.patches = a.cells - a.span + 1;
	return a;
}

/* As fine as the work allows. */
static void lay_out(struct occlusion *o, double macs)
{
	const struct image *img = o->picture;
	int32_t longer = img->width > img->height ? img->width : img->height;
	for (int32_t cells = OCCLUSION_CELLS; cells >= OCCLUSION_FEWEST_CELLS; cells--) {
		o->x = axis_of(img->width, longer, cells);
		o->y = axis_of(img->height, longer, cells);
		if ((double)o->x.patches * o->y.patches * macs <= OCCLUSION_MACS)
			return;
	}
}

static int32_t cell_begin(struct axis a, int32_t cell)
{
	return (int32_t)((int64_t)cell * a.size / a.cells);
}

static size_t pixel_bytes(const struct image *img)
{
	return (size_t)img->width * (size_t)img->height * (size_t)img->channels;
}

static void mean_colour(const struct image *img, uint8_t mean[3])
{
	size_t channels = (size_t)img->channels, n = pixel_bytes(img) / channels;
	for (size_t c = 0; c < channels; c++) {
		uint64_t sum = 0;
		for (size_t i = 0; i < n; i++)
			sum += img->px[i * channels + c];
		mean[c] = (uint8_t)((sum + n / 2) / n);
	}
}

/* Patch `at` over a copy of the picture. */
static void cover(const struct occlusion *o, size_t at, struct image *out)
{
	int32_t row = (int32_t)(at / (size_t)o->x.patches),
		column = (int32_t)(at % (size_t)o->x.patches);
	int32_t top = cell_begin(o->y, row), bottom = cell_begin(o->y, row + o->y.span);
	int32_t left = cell_begin(o->x, column), right = cell_begin(o->x, column + o->x.span);
	size_t channels = (size_t)out->channels;
	memcpy(out->px, o->picture->px, pixel_bytes(out));
	for (int32_t y = top; y < bottom; y++) {
		uint8_t *to = out->px + ((size_t)y * (size_t)out->width + (size_t)left) * channels;
		for (int32_t x = left; x < right; x++, to += channels)
			memcpy(to, o->mean, channels);
	}
}

/* Not negative, and one in all. */
static bool are_shares(const float *scores, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		if (!(scores[i] >= 0))
			return false;
		sum += (double)scores[i];
	}
	return fabs(sum - 1) < 1e-3;
}

/* What speaks against the class: the others' shares in all, since close to 1 its own is too coarse a number. */
static double against(const struct occlusion *o, const float *scores)
{
	double others = 0;
	if (!o->shares)
		return -(double)scores[o->cls];
	for (size_t i = 0; i < o->classes; i++)
		others += i == o->cls ? 0 : (double)scores[i];
	return others;
}

static enum cnn_status run_patches(struct occlusion *o, const struct cnn_model *model,
                                   struct cnn_session *session, const struct heat_options *options,
                                   const float *scores, struct cnn_error *err)
{
	const struct image *pictures[MAX_TOGETHER];
	size_t total = (size_t)o->x.patches * (size_t)o->y.patches;
	double before = against(o, scores);
	enum cnn_status status = CNN_OK;
	for (size_t done = 0; done < total && !status; done += o->together) {
		size_t n = total - done < o->together ? total - done : o->together;
		if (options->on_progress && !options->on_progress(options->ctx, done, total))
			return cnn_fail(err, CNN_BAD_ARG, "heat: stopped after %zu of %zu patches",
			                done, total);
		for (size_t i = 0; i < n; i++) {
			cover(o, done + i, &o->covered[i]);
			pictures[i] = &o->covered[i];
		}
		status = cnn_session_run(session, pictures, n, o->scores, NULL, err);
		for (size_t i = 0; i < n && !status; i++) {
			const float *row = o->scores + i * o->classes;
			status = cnn_scores_check(model, row, err);
			o->fall[done + i] = (float)(against(o, row) - before);
		}
	}
	if (!status && options->on_progress)
		options->on_progress(options->ctx, total, total);
	return status;
}

static void spread(const struct occlusion *o, struct heat *out)
{
	for (int32_t row = 0; row < o->y.cells; row++)
		for (int32_t column = 0; column < o->x.cells; column++) {
			double sum = 0;
			int32_t n = 0;
			for (int32_t i = row - o->y.span + 1; i <= row; i++)
				for (int32_t k = column - o->x.span + 1; k <= column; k++) {
					if (i < 0 || i >= o->y.patches || k < 0 ||
					    k >= o->x.patches)
						continue;
					sum += (double)o->fall[i * o->x.patches + k];
					n++;
				}
			out->map[row * o->x.cells + column] = (float)(sum / n);
		}
}

static bool take_memory(struct occlusion *o)
{
	o->scores = calloc(o->together * o->classes, sizeof *o->scores);
	o->fall = calloc((size_t)o->x.patches * (size_t)o->y.patches, sizeof *o->fall);
	bool good = o->scores && o->fall;
	for (size_t i = 0; i < o->together && good; i++) {
		o->covered[i] = *o->picture;
		o->covered[i].px = malloc(pixel_bytes(o->picture));
		good = o->covered[i].px != NULL;
	}
	return good;
}

enum cnn_status occlusion_map(struct cnn_model *model, struct cnn_session *session,
                              const struct image *picture, const struct heat_options *options,
                              const float *scores, uint32_t cls, struct heat *out,
                              struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	struct occlusion o = {
		.picture = picture,
		.together = info->max_batch < MAX_TOGETHER ? info->max_batch : MAX_TOGETHER,
		.classes = info->classes,
		.cls = cls,
		.shares = are_shares(scores, info->classes),
	};
	lay_out(&o, (double)info->macs);
	mean_colour(picture, o.mean);
	enum cnn_status status = CNN_OK;
	if (!take_memory(&o))
		status = cnn_fail(err, CNN_NO_MEMORY, "%s: out of memory for covered pictures",
		                  info->name);
	if (!status)
		status = run_patches(&o, model, session, options, scores, err);
	if (!status)
		status = heat_new(out, o.y.cells, o.x.cells, err);
	if (!status)
		spread(&o, out);
	for (size_t i = 0; i < o.together; i++)
		free(o.covered[i].px);
	free(o.scores);
	free(o.fall);
	return status;
}
