#include "server/oip_reply.h"
#include "engine/base/json_text.h"
#include "server/oip_model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text in quotes; what is not ASCII in a string that may not be UTF-8 would spoil the reply. */
static void write_string(FILE *out, const char *text)
{
	json_t *string = json_string(text);
	char *quoted = json_text(string, JSON_ENCODE_ANY);
	json_decref(string);
	if (quoted) {
		fputs(quoted, out);
		free(quoted);
		return;
	}
	fputc('"', out);
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f || *text == '"' ||
		                      *text == '\\'
		              ? '?'
		              : *text,
		      out);
	fputc('"', out);
}

static enum cnn_status check_finite(const struct cnn_model *model, const float *scores, size_t n,
                                    struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	for (size_t i = 0; i < n * info->classes; i++) {
		if (!isfinite(scores[i]))
			return cnn_fail(err, CNN_BAD_ARG,
			                "output '%.100s': element %zu is not a finite number, "
			                "which only binary data can hold",
			                info->output_name, i);
	}
	return CNN_OK;
}

/* --- elements of the classification ------------------------------------------------------- */

struct classes {
	const struct cnn_model *model;
	const float *scores;
	size_t n, k;
	uint32_t *best; /* [k] */
	char *text;     /* of the last element */
	size_t room;
};

static enum cnn_status classes_begin(struct classes *c, const struct cnn_model *model,
                                     const float *scores, size_t n, int64_t wanted,
                                     struct cnn_error *err)
{
	size_t classes = cnn_model_info(model)->classes, longest = 0;
	*c = (struct classes){.model = model, .scores = scores, .n = n};
	c->k = (uint64_t)wanted < classes ? (size_t)wanted : classes;
	for (size_t i = 0; i < cnn_model_info(model)->labels; i++) {
		size_t len = strlen(cnn_model_label(model, i));
		longest = len > longest ? len : longest;
	}
	/* "%f" of the largest float has 47 characters. */
	c->room = longest + 96;
	c->best = calloc(c->k, sizeof *c->best);
	c->text = malloc(c->room);
	return c->best && c->text ? CNN_OK : cnn_fail_memory(err, "a classification", c->room);
}

static void classes_end(struct classes *c)
{
	free(c->best);
	free(c->text);
}

/* Call see() with "value:index:label" for each, best first, item by item. */
static void classes_each(struct classes *c, void (*see)(FILE *out, const char *text, bool first),
                         FILE *out)
{
	size_t classes = cnn_model_info(c->model)->classes;
	for (size_t i = 0; i < c->n; i++) {
		const float *scores = c->scores + i * classes;
		cnn_top(scores, classes, c->k, c->best);
		for (size_t j = 0; j < c->k; j++) {
			const char *label = cnn_model_label(c->model, c->best[j]);
			snprintf(c->text, c->room, "%f:%" PRIu32 "%s%s", (double)scores[c->best[j]],
			         c->best[j], *label ? ":" : "", label);
			see(out, c->text, i == 0 && j == 0);
		}
	}
}

static void see_json(FILE *out, const char *text, bool first)
{
	if (!first)
		fputc(',', out);
	write_string(out, text);
}

static void see_binary(FILE *out, const char *text, bool first)
{
	(void)first;
	size_t len = strlen(text);
	unsigned char size[4] = {(unsigned char)len, (unsigned char)(len >> 8),
	                         (unsigned char)(len >> 16), (unsigned char)(len >> 24)};
	fwrite(size, 1, sizeof size, out);
	fwrite(text, 1, len, out);
}

/* --- the reply ------------------------------------------------------------------------------ */

struct writing {
	const struct cnn_model *model;
	const float *scores;
	size_t n;
	FILE *out;
	struct classes classes; /* k 0: the tensor itself */
	char *tail;             /* what follows the JSON */
	size_t tail_len;
};

static void write_shape(const struct writing *w)
{
	int64_t dim[CNN_MAX_RANK];
	int32_t rank = oip_output_dims(cnn_model_info(w->model), dim);
	fprintf(w->out, "\"shape\":[%zu", w->n);
	if (w->classes.k)
		fprintf(w->out, ",%zu", w->classes.k);
	for (int32_t i = 0; i < rank && !w->classes.k; i++)
		fprintf(w->out, ",%" PRId64, dim[i]);
	fputc(']', w->out);
}

static void write_data(struct writing *w)
{
	size_t count = w->n * cnn_model_info(w->model)->classes;
	fputs(",\"data\":[", w->out);
	if (w->classes.k)
		classes_each(&w->classes, see_json, w->out);
	for (size_t i = 0; i < count && !w->classes.k; i++)
		fprintf(w->out, i ? ",%.9g" : "%.9g", (double)w->scores[i]);
	fputc(']', w->out);
}

/* The elements that follow the JSON, whose size it must name. */
static enum cnn_status make_tail(struct writing *w, struct cnn_error *err)
{
	FILE *tail = open_memstream(&w->tail, &w->tail_len);
	if (!tail)
		return cnn_fail_memory(err, "a reply", 0);
	classes_each(&w->classes, see_binary, tail);
	bool failed = ferror(tail) != 0;
	failed |= fclose(tail) != 0;
	return failed ? cnn_fail_memory(err, "a reply", w->tail_len) : CNN_OK;
}

static void write_output(struct writing *w, bool binary)
{
	const struct cnn_model_info *info = cnn_model_info(w->model);
	fputs(",\"outputs\":[{\"name\":", w->out);
	write_string(w->out, info->output_name);
	fprintf(w->out, ",\"datatype\":\"%s\",", w->classes.k ? "BYTES" : oip_datatype(CNN_F32));
	write_shape(w);
	size_t bytes = w->classes.k ? w->tail_len : w->n * info->classes * sizeof(float);
	if (binary)
		fprintf(w->out, ",\"parameters\":{\"binary_data_size\":%zu}", bytes);
	else
		write_data(w);
	fputs("}]}", w->out);
}

static enum cnn_status end_text(FILE *file, struct oip_reply *out, struct cnn_error *err)
{
	bool failed = ferror(file) != 0;
	failed |= fclose(file) != 0;
	if (!failed)
		return CNN_OK;
	free(out->text);
	*out = (struct oip_reply){0};
	return cnn_fail_memory(err, "a reply", 0);
}

enum cnn_status oip_reply_write(const struct cnn_model *model, const char *name,
                                const struct oip_request *request, const float *scores, size_t n,
                                struct oip_reply *out, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	const struct oip_output all = {.binary = request->binary};
	const struct oip_output *asked = request->n_outputs ? request->output : &all;
	struct writing w = {.model = model, .scores = scores, .n = n};
	enum cnn_status status = CNN_OK;
	*out = (struct oip_reply){0};
	if (!asked->binary || asked->classes)
		status = check_finite(model, scores, n, err);
	if (!status && asked->classes)
		status = classes_begin(&w.classes, model, scores, n, asked->classes, err);
	if (!status && asked->classes && asked->binary)
		status = make_tail(&w, err);
	if (!status && !(w.out = open_memstream(&out->text, &out->len)))
		status = cnn_fail_memory(err, "a reply", 0);
	if (status)
		goto done;
	fputs("{\"model_name\":", w.out);
	write_string(w.out, name);
	fputs(",\"model_version\":", w.out);
	write_string(w.out, info->version);
	if (request->id) {
		fputs(",\"id\":", w.out);
		write_string(w.out, request->id);
	}
	write_output(&w, asked->binary);
	if (asked->binary) {
		fflush(w.out);
		out->json_len = out->len;
		if (asked->classes)
			fwrite(w.tail, 1, w.tail_len, w.out);
		else
			fwrite(scores, sizeof *scores, n * info->classes, w.out);
	}
	status = end_text(w.out, out, err);
done:
	classes_end(&w.classes);
	free(w.tail);
	return status;
}

/* Numbers in arrays of the given shape. */
static void write_nested(FILE *out, const float **scores, const int64_t *dim, int32_t rank)
{
	if (rank == 0) {
		fprintf(out, "%.9g", (double)*(*scores)++);
		return;
	}
	fputc('[', out);
	for (int64_t i = 0; i < dim[0]; i++) {
		if (i)
			fputc(',', out);
		write_nested(out, scores, dim + 1, rank - 1);
	}
	fputc(']', out);
}

enum cnn_status oip_reply_write_v1(const struct cnn_model *model, const float *scores, size_t n,
                                   struct oip_reply *out, struct cnn_error *err)
{
	int64_t dim[CNN_MAX_RANK];
	int32_t rank = oip_output_dims(cnn_model_info(model), dim);
	*out = (struct oip_reply){0};
	enum cnn_status status = check_finite(model, scores, n, err);
	if (status)
		return status;
	FILE *file = open_memstream(&out->text, &out->len);
	if (!file)
		return cnn_fail_memory(err, "a reply", 0);
	fputs("{\"predictions\":[", file);
	for (size_t i = 0; i < n; i++) {
		if (i)
			fputc(',', file);
		write_nested(file, &scores, dim, rank);
	}
	fputs("]}", file);
	return end_text(file, out, err);
}
