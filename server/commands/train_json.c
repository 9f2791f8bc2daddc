#include "server/commands/train_json.h"
#include "engine/base/json_text.h"

#include <inttypes.h>
#include <string.h>

/* Enough for a float; JSON's 17 digits would show 0.1 as 0.10000000000000001. */
#define DIGITS 12

/* Names of files may be no UTF-8, and JSON holds nothing else. */
static json_t *text_json(const char *text)
{
	json_t *v = json_string(text);
	if (v)
		return v;
	char clean[256];
	snprintf(clean, sizeof clean, "%s", text);
	for (char *p = clean; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_string(clean);
}

static json_t *vector_json(const double *v, int32_t n)
{
	json_t *list = json_array();
	for (int32_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_real(v[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

/* null where there are no validation pictures */
static json_t *measure_json(double value)
{
	return value < 0 ? json_null() : json_real(value);
}

static json_t *input_json(const struct train_json *t)
{
	const struct report_data *r = t->result;
	return json_pack(
		"{s:i, s:i, s:i, s:s, s:s, s:s, s:i, s:o, s:o}", "width", r->size, "height",
		r->size, "resize_short", t->resize_short, "crop", "center", "interpolation",
		"bilinear-antialias", "channels", r->channels == 1 ? "L" : "RGB", "scale", 255,
		"mean", vector_json(t->mean, r->channels), "std", vector_json(t->std, r->channels));
}

static json_t *data_json(const struct train_json *t)
{
	const struct report_data *r = t->result;
	char fingerprint[20];
	snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, t->fingerprint);
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:s}", "path", text_json(r->data), "classes",
	                 (json_int_t)r->classes, "train", (json_int_t)r->train, "val",
	                 (json_int_t)r->val, "skipped", (json_int_t)r->skipped, "fingerprint",
	                 fingerprint);
}

static json_t *metrics_json(const struct report_data *r)
{
	static const struct train_epoch none = {
		.train_loss = -1, .val_loss = -1, .val_accuracy = -1};
	const struct train_epoch *last = r->n_epochs ? &r->epoch[r->n_epochs - 1] : &none;
	return json_pack("{s:o, s:o, s:o}", "val_accuracy",
	                 measure_json(r->val ? report_accuracy(r) : -1), "val_loss",
	                 measure_json(r->val ? last->val_loss : -1), "train_loss",
	                 measure_json(last->train_loss));
}

static json_t *training_json(const struct train_json *t)
{
	const struct report_data *r = t->result;
	/* to a tenth of a second: more would be noise */
	double seconds = (double)(int64_t)(report_seconds(r) * 10) / 10;
	return json_pack("{s:o, s:o, s:O, s:I, s:o, s:f, s:I, s:I, s:s}", "data", data_json(t),
	                 "arch", text_json(r->network), "options", t->options, "epochs",
	                 (json_int_t)r->n_epochs, "metrics", metrics_json(r), "seconds", seconds,
	                 "parameters", (json_int_t)r->parameters, "macs", (json_int_t)r->macs,
	                 "convd", r->version);
}

enum cnn_status train_json(const struct train_json *t, char **text, size_t *len,
                           struct cnn_error *err)
{
	const struct report_data *r = t->result;
	json_t *root = json_pack("{s:o, s:s, s:s, s:o, s:{s:s}, s:s, s:s, s:o}", "name",
	                         text_json(r->name), "version", "1", "task", "classify", "input",
	                         input_json(t), "output", "activation", "softmax", "labels",
	                         "labels.txt", "precision", "fp32", "training", training_json(t));
	*text = json_text(root, JSON_INDENT(1) | JSON_REAL_PRECISION(DIGITS));
	*len = *text ? strlen(*text) : 0;
	json_decref(root);
	if (!*text)
		return cnn_fail(err, CNN_NO_MEMORY, "model.json: out of memory");
	return CNN_OK;
}
