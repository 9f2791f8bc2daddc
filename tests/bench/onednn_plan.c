#include "tests/bench/onednn_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {
#define X(name, word) [PLAN_##name] = word,
	PLAN_KINDS(X)
#undef X
};

const char *onednn_plan_word(enum plan_kind kind)
{
	return words[kind];
}

size_t onednn_plan_elements(const struct plan_step *step)
{
	return (size_t)(step->shape[0] * step->shape[1] * step->shape[2]);
}

static bool read_numbers(FILE *f, int64_t *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fscanf(f, "%" SCNd64, &out[i]) != 1)
			return false;
	return true;
}

static bool read_kind(const char *word, enum plan_kind *kind)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], word) == 0) {
			*kind = (enum plan_kind)i;
			return true;
		}
	return false;
}

/* The rest of a line whose first word is read. */
static bool read_step(FILE *f, const char *word, struct plan_step *s)
{
	if (!read_kind(word, &s->kind) || !read_numbers(f, s->shape, 3) ||
	    !read_numbers(f, s->kernel, 2) || !read_numbers(f, s->stride, 2) ||
	    !read_numbers(f, s->before, 2) || !read_numbers(f, s->after, 2) ||
	    !read_numbers(f, &s->groups, 1) || !read_numbers(f, &s->weights, 1) ||
	    !read_numbers(f, &s->bias, 1) || !read_numbers(f, &s->sum, 1) ||
	    fscanf(f, "%f %f", &s->low, &s->high) != 2 || !read_numbers(f, &s->sources, 1))
		return false;
	return s->sources >= 0 && s->sources <= PLAN_SOURCES &&
	       read_numbers(f, s->source, (size_t)s->sources);
}

static bool refers_back(const struct plan_step *s, size_t index)
{
	bool good = s->sum < (int64_t)index;
	for (int64_t i = 0; i < s->sources; i++)
		good = good && s->source[i] >= 0 && s->source[i] < (int64_t)index;
	return good;
}

static enum cnn_status read_steps(FILE *f, struct plan *plan, struct cnn_error *err)
{
	char word[16];
	while (fscanf(f, "%15s", word) == 1) {
		struct plan_step *more = realloc(plan->step, (plan->steps + 1) * sizeof *more);
		if (!more)
			return cnn_fail_memory(err, "the plan", (plan->steps + 1) * sizeof *more);
		plan->step = more;
		if (!read_step(f, word, &more[plan->steps]) ||
		    !refers_back(&more[plan->steps], plan->steps))
			return cnn_fail(err, CNN_BAD_ARG, "step %zu of the plan is malformed",
			                plan->steps);
		plan->steps++;
	}
	if (plan->steps < 2 || plan->step[0].kind != PLAN_INPUT)
		return cnn_fail(err, CNN_BAD_ARG, "the plan does not begin with an input");
	return CNN_OK;
}

static enum cnn_status read_weights(FILE *f, struct plan *plan, struct cnn_error *err)
{
	long bytes = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
	if (bytes < 0 || fseek(f, 0, SEEK_SET) != 0)
		return cnn_fail(err, CNN_IO, "the weights: %s", strerror(errno));
	plan->floats = (size_t)bytes / sizeof *plan->weights;
	plan->weights = malloc((size_t)bytes + 1);
	if (!plan->weights)
		return cnn_fail_memory(err, "the weights", (size_t)bytes);
	if (fread(plan->weights, sizeof *plan->weights, plan->floats, f) != plan->floats)
		return cnn_fail(err, CNN_IO, "the weights are cut short");
	return CNN_OK;
}

typedef enum cnn_status reader(FILE *f, struct plan *plan, struct cnn_error *err);

static enum cnn_status read_file(const char *path, const char *suffix, reader *read,
                                 struct plan *plan, struct cnn_error *err)
{
	char name[4096];
	snprintf(name, sizeof name, "%s%s", path, suffix);
	FILE *f = fopen(name, "rb");
	if (!f)
		return cnn_fail(err, CNN_IO, "%s: %s", name, strerror(errno));
	enum cnn_status status = read(f, plan, err);
	fclose(f);
	return status;
}

enum cnn_status onednn_plan_read(const char *path, struct plan *plan, struct cnn_error *err)
{
	*plan = (struct plan){0};
	enum cnn_status status = read_file(path, ".plan", read_steps, plan, err);
	if (!status)
		status = read_file(path, ".weights", read_weights, plan, err);
	if (status)
		onednn_plan_free(plan);
	return status;
}

void onednn_plan_free(struct plan *plan)
{
	free(plan->step);
	free(plan->weights);
	*plan = (struct plan){0};
}
