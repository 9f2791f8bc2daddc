#include "server/commands/train_results.h"

#include "engine/base/json_text.h"
#include "engine/base/version.h"
#include "server/commands/memory_stream.h"
#include "server/commands/train_files.h"
#include "server/commands/train_json.h"
#include "server/commands/train_report.h"

#include <stdlib.h>
#include <string.h>

/* Memory of one writing. */
struct writing {
	const struct train_results *r;
	struct report_data report;
	struct report_guess *guess;
	const char **class_name;
	struct report_option *option;
	char **value; /* of the options, from malloc() */
};

static enum cnn_status collect_guesses(struct writing *w, struct cnn_error *err)
{
	const struct dataset *d = w->r->dataset;
	size_t n = w->report.val;
	if (n == 0)
		return CNN_OK;
	struct train_guess *raw = calloc(n, sizeof *raw);
	w->guess = calloc(n, sizeof *w->guess);
	enum cnn_status status = CNN_OK;
	if (!raw || !w->guess)
		status = cnn_fail_memory(err, "the validation's results", n * sizeof *w->guess);
	else
		status = trainer_guess(w->r->trainer, raw, err);
	for (size_t i = 0; i < n && !status; i++) {
		const struct dataset_sample s = dataset_get(d, DATASET_VAL, raw[i].sample);
		w->guess[i] = (struct report_guess){s.cls, raw[i].cls, raw[i].probability,
		                                    s.picture, s.file};
	}
	free(raw);
	w->report.guess = w->guess;
	return status;
}

static enum cnn_status collect_classes(struct writing *w, struct cnn_error *err)
{
	size_t n = w->report.classes;
	w->class_name = calloc(n, sizeof *w->class_name);
	if (!w->class_name)
		return cnn_fail_memory(err, "the classes' names", n * sizeof *w->class_name);
	for (size_t i = 0; i < n; i++)
		w->class_name[i] = dataset_class_name(w->r->dataset, i);
	w->report.class_name = w->class_name;
	return CNN_OK;
}

static char *option_text(const json_t *value)
{
	if (json_is_string(value))
		return strdup(json_string_value(value));
	return json_text(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
}

static enum cnn_status collect_options(struct writing *w, struct cnn_error *err)
{
	size_t size = json_object_size(w->r->options), n = 0;
	w->option = calloc(size + 1, sizeof *w->option);
	w->value = calloc(size + 1, sizeof *w->value);
	bool good = w->option && w->value;
	const char *key;
	json_t *value;
	json_object_foreach(w->r->options, key, value)
	{
		if (!good || n == size)
			break;
		w->value[n] = option_text(value);
		good = w->value[n] != NULL;
		w->option[n] = (struct report_option){key, w->value[n]};
		n++;
	}
	if (!good)
		return cnn_fail_memory(err, "the options' text", size);
	w->report.option = w->option;
	w->report.n_options = n;
	return CNN_OK;
}

static enum cnn_status collect(struct writing *w, struct cnn_error *err)
{
	const struct train_results *r = w->r;
	struct report_data *d = &w->report;
	*d = (struct report_data){
		.name = r->name,
		.data = r->data,
		.network = r->network,
		.version = convd_version,
		.classes = dataset_classes(r->dataset),
		.train = dataset_count(r->dataset, DATASET_TRAIN),
		.val = dataset_count(r->dataset, DATASET_VAL),
		.skipped = dataset_skipped(r->dataset),
		.val_is_own = dataset_val_is_own(r->dataset),
		.size = dataset_size(r->dataset),
		.channels = dataset_channels(r->dataset),
		.parameters = trainer_parameters(r->trainer),
		.macs = trainer_macs(r->trainer),
	};
	d->epoch = trainer_history(r->trainer, &d->n_epochs);
	d->filter = trainer_filters(r->trainer, &d->n_filters, &d->filter_channels,
	                            &d->filter_height, &d->filter_width);
	enum cnn_status status = collect_classes(w, err);
	if (!status)
		status = collect_options(w, err);
	if (!status)
		status = collect_guesses(w, err);
	return status;
}

/* A line for each class. */
static enum cnn_status write_labels(const struct writing *w, struct cnn_error *err)
{
	struct memory_stream m;
	bool good = memory_stream_open(&m);
	for (size_t i = 0; good && i < w->report.classes; i++) {
		for (const char *p = w->report.class_name[i]; *p; p++)
			fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, m.f);
		fputc('\n', m.f);
	}
	if (!good || !memory_stream_close(&m))
		return cnn_fail(err, CNN_NO_MEMORY, "labels.txt: out of memory");
	enum cnn_status status = train_write_file(w->r->dir, "labels.txt", m.bytes, m.len, err);
	free(m.bytes);
	return status;
}

static enum cnn_status write_json(const struct writing *w, struct cnn_error *err)
{
	struct train_json t = {
		.result = &w->report,
		.resize_short = dataset_resize_short(w->r->dataset),
		.fingerprint = dataset_fingerprint(w->r->dataset),
		.options = w->r->options,
	};
	trainer_normalization(w->r->trainer, t.mean, t.std);
	char *text;
	size_t len;
	enum cnn_status status = train_json(&t, &text, &len, err);
	if (!status)
		status = train_write_file(w->r->dir, "model.json", text, len, err);
	free(text);
	return status;
}

static enum cnn_status write_report(const struct writing *w, struct cnn_error *err)
{
	char *html;
	size_t len;
	enum cnn_status status = train_report(&w->report, &html, &len, err);
	if (!status)
		status = train_write_file(w->r->dir, "report.html", html, len, err);
	free(html);
	return status;
}

/* Last of all: a folder with a model.onnx is complete. */
static enum cnn_status write_model(const struct writing *w, struct cnn_error *err)
{
	char *path;
	if (asprintf(&path, "%s/model.onnx", w->r->dir) < 0)
		return cnn_fail(err, CNN_NO_MEMORY, "model.onnx: out of memory");
	enum cnn_status status = trainer_export(w->r->trainer, path, !w->r->keep_batch_norm, err);
	free(path);
	return status;
}

enum cnn_status train_results_write(const struct train_results *r, size_t *right,
                                    struct cnn_error *err)
{
	struct writing w = {.r = r};
	enum cnn_status status = collect(&w, err);
	if (!status)
		status = write_labels(&w, err);
	if (!status)
		status = write_json(&w, err);
	if (!status)
		status = write_report(&w, err);
	if (!status)
		status = write_model(&w, err);
	if (!status)
		*right = report_right(&w.report);
	for (size_t i = 0; w.value && i < json_object_size(r->options); i++)
		free(w.value[i]);
	free(w.value);
	free(w.option);
	free(w.class_name);
	free(w.guess);
	return status;
}
