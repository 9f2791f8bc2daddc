#include "engine/see_picture.h"
#include "server/channel_list.h"
#include "server/commands/commands.h"
#include "server/commands/model_path.h"
#include "server/commands/photo.h"
#include "server/commands/see_report.h"

#include "engine/base/cpu.h"
#include "engine/base/file.h"
#include "engine/image/encode_png.h"

#include <stdlib.h>

#define MAX_FLOAT_BYTES ((size_t)1 << 30)
/* Of a sheet of thumbnails. */
#define THUMBNAIL     96
#define SHEET_COLUMNS 12

struct seeing {
	const struct config *config;
	struct cnn_pool *pool;
	struct see *see;
	size_t layer;
	struct see_choice choice;
	uint32_t *channel; /* of the choice */
	struct image picture;
	struct see_filters filters;
	struct see_picked picked;
	struct image shown;
	struct see_layout layout;
};

static enum cnn_status open_viewer(struct seeing *s, struct cnn_error *err)
{
	const struct config *config = s->config;
	const char *word = config->n_args ? config->args[0] : config->model;
	char place[4200], *name = NULL, *path = NULL;
	if (!word && model_path_default(place, sizeof place))
		word = place;
	if (!word)
		return cnn_fail(err, CNN_BAD_ARG, "no model; name one with --model");
	if (!model_path_split(word, &name, &path))
		return cnn_fail_memory(err, word, 0);
	s->pool = cnn_pool_new(config->threads ? (size_t)config->threads : cpu_count());
	const struct see_options options = {
		.max_isa = model_path_isa(config),
		.max_bytes = (size_t)config->max_model_memory,
		.pool = s->pool,
	};
	enum cnn_status status = see_open(path, NULL, &options, &s->see, err);
	free(name);
	free(path);
	return status;
}

static enum cnn_status read_photo(struct seeing *s, struct cnn_error *err)
{
	const struct config *config = s->config;
	const struct image_limits limits = {.max_side = 65535, .max_pixels = config->max_pixels};
	const struct cnn_model_info *info = cnn_model_info(see_model(s->see));
	struct cnn_error inner = {0};
	size_t len;
	if (!info->takes_pictures)
		return cnn_fail(err, CNN_BAD_ARG, "model '%s' does not take pictures", info->name);
	uint8_t *bytes = photo_read(config->photo, &len, &inner);
	enum cnn_status status = inner.code;
	if (!status)
		status = image_read(bytes, len, &limits, config->jpeg_scaling == 0,
		                    &info->preprocess.fit, &s->picture, NULL, &inner);
	free(bytes);
	return status ? cnn_fail(err, status, "%s: %s", config->photo, inner.text) : CNN_OK;
}

static enum cnn_status write_picture(const char *path, const struct image *picture,
                                     struct cnn_error *err)
{
	uint8_t *png;
	size_t len;
	enum cnn_status status = image_encode_png(picture, &png, &len, err);
	if (!status)
		status = file_replace(path, png, len, err);
	free(png);
	return status;
}

static enum cnn_status write_floats(const struct seeing *s, struct cnn_error *err)
{
	size_t bytes = s->picked.n * s->picked.height * s->picked.width * sizeof(float);
	if (s->config->out)
		return file_replace(s->config->out, s->picked.maps, bytes, err);
	bool good = fwrite(s->picked.maps, 1, bytes, stdout) == bytes;
	return good ? CNN_OK : cnn_fail(err, CNN_IO, "stdout: cannot write");
}

static enum cnn_status pick(struct seeing *s, struct cnn_error *err)
{
	enum cnn_status status;
	if (!s->config->filters) {
		status = read_photo(s, err);
		const struct cnn_item item = {.picture = &s->picture};
		return status ? status
		              : see_pick(s->see, &item, s->layer, &s->choice, &s->picked, err);
	}
	status = see_filters(s->see, s->layer, &s->filters, err);
	return status ? status : see_pick_filters(s->see, &s->filters, &s->choice, &s->picked, err);
}

static enum cnn_status draw(struct seeing *s, struct cnn_error *err)
{
	const struct see_look look = {
		.shared = s->config->scale == 1,
		.zoom = (int32_t)s->config->zoom,
	};
	const struct see_picked *p = &s->picked;
	enum cnn_status status;
	if (s->config->filters)
		status = see_filters_picture(s->see, &s->filters, p, &look, &s->shown, &s->layout,
		                             err);
	else
		status = see_mosaic(p->maps, p->n, p->height, p->width, SEE_RAMP, &look, &s->shown,
		                    &s->layout, err);
	return status ? status : write_picture(s->config->out, &s->shown, err);
}

static enum cnn_status see_layer(struct seeing *s, int *code, struct cnn_error *err)
{
	const struct config *config = s->config;
	s->choice.top = (size_t)config->strongest;
	s->choice.max_bytes = MAX_FLOAT_BYTES;
	enum cnn_status status = see_find(s->see, config->layer, &s->layer, err);
	if (!status && config->channels)
		status = channel_list_parse(config->channels, &s->channel, &s->choice.n_channel,
		                            err);
	s->choice.channel = s->channel;
	if (!status)
		status = pick(s, err);
	if (!status && config->raw)
		return write_floats(s, err);
	if (!status && config->out)
		status = draw(s, err);
	if (status)
		return status;
	const struct see_report report = {
		.see = s->see,
		.picked = &s->picked,
		.filters = config->filters ? &s->filters : NULL,
		.layout = config->out ? &s->layout : NULL,
		.out = config->out,
	};
	*code = config->json ? see_report_json(&report) : see_report_text(&report);
	return CNN_OK;
}

static enum cnn_status see_all(struct seeing *s, int *code, struct cnn_error *err)
{
	const struct see_strip_options options = {NULL, THUMBNAIL, THUMBNAIL, SHEET_COLUMNS};
	struct see_strip strip = {0};
	enum cnn_status status = read_photo(s, err);
	const struct cnn_item item = {.picture = &s->picture};
	if (!status)
		status = see_strip(s->see, &item, &options, NULL, &strip, err);
	if (!status)
		status = write_picture(s->config->out, &strip.sheet, err);
	if (!status)
		*code = s->config->json ? see_report_strip_json(s->see, &strip)
		                        : see_report_strip_text(s->see, &strip, s->config->out);
	see_strip_clear(&strip);
	return status;
}

/* What is wrong with the options, or NULL. */
static const char *check(const struct config *config)
{
	if (config->n_args > 1)
		return "one model at a time";
	if (config->filters && !config->layer)
		return "--filters needs --layer";
	if (!config->filters && !config->photo)
		return "no photo is named, --photo FILE";
	if (!config->layer && !config->out)
		return "thumbnails of all layers need --out FILE";
	if (!config->layer && config->raw)
		return "--raw needs --layer";
	if (config->channels && config->strongest)
		return "either --channels or --strongest";
	return NULL;
}

int command_see(const struct config *config)
{
	struct cnn_error err = {0};
	const char *wrong = check(config);
	if (wrong) {
		fprintf(stderr, "convd see: %s\nTry 'convd see --help'\n", wrong);
		return 2;
	}
	struct seeing s = {.config = config};
	int code = 0;
	enum cnn_status status = open_viewer(&s, &err);
	if (!status)
		status = config->layer ? see_layer(&s, &code, &err) : see_all(&s, &code, &err);
	if (status)
		fprintf(stderr, "convd see: %s\n", err.text);
	image_clear(&s.picture);
	image_clear(&s.shown);
	see_picked_clear(&s.picked);
	free(s.channel);
	see_close(s.see);
	cnn_pool_free(s.pool);
	return status ? 1 : code;
}
