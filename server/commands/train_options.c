#include "server/commands/train_options.h"

#include "engine/cnn.h"
#include "server/commands/model_path.h"
#include "server/commands/train_files.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCHS = 60, EPOCHS_FROZEN = 100, BATCH = 64 };

/* Pictures for networks up to this size are about as large themselves, and would be enlarged to lose their rim. */
enum { WHOLE_SIZE = 64 };

/* All networks halve their picture, some four times: said before any picture is read. */
enum { MIN_SIZE = 16 };

/* Of a batch of LR_BATCH pictures: SGD's rate grows with the batch, Adam divides it out itself. */
#define LR_SGD   0.1
#define LR_BATCH 128
#define LR_ADAMW 0.002
/* One dense layer on features of about length 1. */
#define LR_SGD_FROZEN   1.0
#define LR_ADAMW_FROZEN 0.01
#define LR_SGD_TUNED    0.01
#define LR_ADAMW_TUNED  0.0002

static enum cnn_status find_arch(const char *name, const struct train_arch **out,
                                 struct cnn_error *err)
{
	char names[256] = "";
	for (const struct train_arch *a = train_archs; a->name; a++) {
		if (strcmp(a->name, name) == 0) {
			*out = a;
			return CNN_OK;
		}
		size_t at = strlen(names);
		snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", a->name);
	}
	return cnn_fail(err, CNN_BAD_ARG, "--arch=%s: must be one of %s", name, names);
}

/* Pictures come as the model was given them before, unless --size says otherwise. */
static enum cnn_status read_model(const struct config *c, struct dataset_options *data,
                                  struct cnn_error *err)
{
	const struct cnn_load_options options = {.max_isa = model_path_isa(c), .max_batch = 1};
	struct cnn_model *model;
	enum cnn_status status = cnn_model_load(c->from, &options, &model, err);
	if (status)
		return status;
	const struct cnn_model_info *info = cnn_model_info(model);
	const struct image_fit *fit = &info->preprocess.fit;
	if (!info->takes_pictures || fit->width != fit->height) {
		status = cnn_fail(err, CNN_UNSUPPORTED,
		                  "--from=%s: its input is not a square picture", c->from);
	} else if (info->preprocess.channels == CNN_CHANNELS_BGR) {
		status = cnn_fail(err, CNN_UNSUPPORTED,
		                  "--from=%s: it takes BGR pictures, training gives it RGB",
		                  c->from);
	} else {
		data->channels = fit->channels;
		if (data->size == 0 || data->size == fit->width) {
			data->size = fit->width;
			data->resize_short =
				fit->crop == IMAGE_CROP_CENTER ? fit->resize_short : fit->width;
		}
	}
	cnn_model_unref(model);
	return status;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

/* A folder of IDX files, or one whose only entry is such a folder: its pictures have a size of their own. */
static bool holds_idx(const char *path, bool deeper)
{
	char *only = NULL;
	bool found = false;
	size_t n = 0;
	DIR *dir = opendir(path);
	if (!dir)
		return false;
	for (const struct dirent *e; !found && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		found = strstr(e->d_name, "idx") && ends_with(e->d_name, "-ubyte");
		if (n++ == 0 && asprintf(&only, "%s/%s", path, e->d_name) < 0)
			only = NULL;
	}
	closedir(dir);
	if (!found && n == 1 && only && deeper)
		found = holds_idx(only, false);
	free(only);
	return found;
}

static enum cnn_status size_of_arch(const struct config *c, const char *data_path,
                                    struct dataset_options *data, struct cnn_error *err)
{
	const struct train_arch *arch;
	enum cnn_status status = find_arch(c->arch, &arch, err);
	if (!status && data->size == 0 && !holds_idx(data_path, true))
		data->size = arch->size;
	if (!status && data->size > 0 && data->size < MIN_SIZE)
		return cnn_fail(err, CNN_BAD_ARG, "--size=%d: must be at least %d", (int)data->size,
		                MIN_SIZE);
	return status;
}

static double decide_lr(const struct config *c, int32_t batch)
{
	if (c->lr > 0)
		return c->lr;
	if (c->unfreeze)
		return c->optimizer == TRAIN_SGD ? LR_SGD_TUNED : LR_ADAMW_TUNED;
	if (c->from)
		return c->optimizer == TRAIN_SGD ? LR_SGD_FROZEN : LR_ADAMW_FROZEN;
	return c->optimizer == TRAIN_SGD ? LR_SGD * batch / LR_BATCH : LR_ADAMW;
}

static struct train_options decide_training(const struct config *c)
{
	int32_t batch = c->batch ? (int32_t)c->batch : BATCH;
	int32_t epochs = c->epochs                 ? (int32_t)c->epochs
	                 : c->from && !c->unfreeze ? EPOCHS_FROZEN
	                                           : EPOCHS;
	return (struct train_options){
		.arch = c->from ? NULL : c->arch,
		.from = c->from,
		.unfreeze = c->unfreeze,
		.epochs = epochs,
		.batch = batch,
		/* the choices of --optimizer are in the enum's order */
		.optimizer = (enum train_optimizer)c->optimizer,
		.lr = decide_lr(c, batch),
		.warmup = fmin(c->warmup, epochs / 2.0),
		.momentum = c->momentum,
		.weight_decay = c->weight_decay,
		.label_smoothing = c->label_smoothing,
		.dropout = c->dropout,
		.ema = c->ema,
		.augment = {.min_area = c->min_area,
	                    .pad = (int32_t)c->pad,
	                    .flip = c->flip,
	                    .jitter = c->jitter,
	                    .cutout = c->cutout,
	                    .mixup = c->mixup},
		.seed = (uint64_t)c->seed,
		.max_isa = model_path_isa(c),
	};
}

static enum cnn_status decide_resizing(const struct config *c, struct dataset_options *data,
                                       struct cnn_error *err)
{
	if (c->resize_short)
		data->resize_short = (int32_t)c->resize_short;
	else if (data->resize_short == 0 && data->size <= WHOLE_SIZE)
		data->resize_short = data->size;
	if (data->resize_short && data->resize_short < data->size)
		return cnn_fail(err, CNN_BAD_ARG,
		                "--resize-short=%d: must be at least the input's size, %d",
		                (int)data->resize_short, (int)data->size);
	return CNN_OK;
}

enum cnn_status train_options_decide(const struct config *config, const char *data_path,
                                     struct dataset_options *data, struct train_options *train,
                                     struct cnn_error *err)
{
	*data = (struct dataset_options){
		.size = (int32_t)config->size,
		.val_fraction = config->val_fraction,
		.seed = (uint64_t)config->seed,
		.max_pixels = config->max_pixels,
	};
	*train = decide_training(config);
	if (config->unfreeze && !config->from)
		return cnn_fail(err, CNN_BAD_ARG, "--unfreeze: there is no --from");
	enum cnn_status status = config->from ? read_model(config, data, err)
	                                      : size_of_arch(config, data_path, data, err);
	return status ? status : decide_resizing(config, data, err);
}

json_t *train_options_json(const struct train_options *o, const struct dataset_options *data)
{
	const struct train_augment *a = &o->augment;
	char *from = o->from ? train_path_name(o->from) : NULL;
	if (o->from && !from)
		return NULL;
	/* "o*" leaves out what is NULL: text that is no UTF-8 among it */
	json_t *start = json_string(from ? from : o->arch);
	json_t *all = json_pack(
		"{s:o*, s:b, s:i, s:i, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:b, "
		"s:f, s:f, s:f, s:f, s:I}",
		o->from ? "from" : "arch", start, "unfreeze", o->unfreeze, "epochs", o->epochs,
		"batch", o->batch, "optimizer", o->optimizer == TRAIN_SGD ? "sgd" : "adamw", "lr",
		o->lr, "warmup", o->warmup, "momentum", o->momentum, "weight_decay",
		o->weight_decay, "label_smoothing", o->label_smoothing, "dropout", o->dropout,
		"ema", o->ema, "min_area", a->min_area, "pad", a->pad, "flip", a->flip, "jitter",
		a->jitter, "cutout", a->cutout, "mixup", a->mixup, "val_fraction",
		data->val_fraction, "seed", (json_int_t)o->seed);
	free(from);
	return all;
}
