/* run_model - runs models on raw tensors or pixels, for golden.py.
 *
 * Commands come on standard input, a line each, words parted by tabs; each is answered by one line,
 * "ok ..." or "error STATUS text", so that one process serves a whole suite:
 *
 *	isa                                      ok, and every level this machine has
 *	load MODEL ISA MAX_BATCH fused|keep      ok INPUT_FLOATS CLASSES
 *	tensor INPUT OUTPUT N BATCH THREADS raw|scores
 *	pixels INPUT OUTPUT N BATCH THREADS
 *
 * The last two run the model that was loaded last on N pictures, BATCH at a time; INPUT has floats
 * as [N][input] or bytes as [N][H][W][C], OUTPUT gets floats as [N][classes]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/cpu.h"
#include "engine/cnn.h"

#define MAX_WORDS    8
#define MAX_PICTURES 100000

/* What a command asks for and what it needs memory for. */
struct job {
	const char *input, *output;
	size_t n, batch, threads;
	bool raw, pixels;
	struct cnn_pool *pool;
	struct cnn_session *session;
	uint8_t *in;
	float *scores;
};

static bool parse_size(const char *text, size_t *out)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	*out = value;
	return *text >= '0' && *text <= '9' && !*end && value >= 1 && value <= MAX_PICTURES;
}

/* A file of exactly `bytes` bytes. */
static enum cnn_status read_input(const char *path, size_t bytes, uint8_t **out,
                                  struct cnn_error *err)
{
	*out = malloc(bytes);
	if (!*out)
		return cnn_fail_memory(err, path, bytes);
	FILE *f = fopen(path, "rb");
	bool good = f && fread(*out, 1, bytes, f) == bytes && fgetc(f) == EOF;
	if (f)
		fclose(f);
	return good ? CNN_OK : cnn_fail(err, CNN_IO, "%s: not %zu bytes", path, bytes);
}

static enum cnn_status write_output(const char *path, const float *data, size_t count,
                                    struct cnn_error *err)
{
	FILE *f = fopen(path, "wb");
	bool good = f && fwrite(data, sizeof *data, count, f) == count;
	if (f && fclose(f) != 0)
		good = false;
	return good ? CNN_OK : cnn_fail(err, CNN_IO, "cannot write %s", path);
}

static size_t input_elements(const struct cnn_model_info *info)
{
	size_t n = 1;
	for (int32_t i = 0; i < info->input.rank; i++)
		n *= (size_t)info->input.dim[i];
	return n;
}

static enum cnn_status run_pixels(const struct job *job, const struct image_fit *fit, size_t first,
                                  size_t n, float *scores, struct cnn_error *err)
{
	struct image *image = calloc(n, sizeof *image);
	const struct image **picture = calloc(n, sizeof *picture);
	enum cnn_status status = CNN_OK;
	if (!image || !picture)
		status = cnn_fail_memory(err, "the pictures", n * sizeof *image);
	size_t bytes = (size_t)fit->width * (size_t)fit->height * (size_t)fit->channels;
	for (size_t i = 0; !status && i < n; i++) {
		image[i] = (struct image){job->in + (first + i) * bytes, fit->width, fit->height,
		                          fit->channels};
		picture[i] = &image[i];
	}
	if (!status)
		status = cnn_session_run(job->session, picture, n, scores, NULL, err);
	free(image);
	free(picture);
	return status;
}

static enum cnn_status run_all(struct job *job, const struct cnn_model_info *info,
                               struct cnn_error *err)
{
	size_t elements = input_elements(info);
	for (size_t i = 0; i < job->n; i += job->batch) {
		size_t n = job->n - i < job->batch ? job->n - i : job->batch;
		float *scores = job->scores + i * info->classes;
		enum cnn_status status;
		if (job->pixels) {
			status = run_pixels(job, &info->preprocess.fit, i, n, scores, err);
		} else {
			const float *tensor = (const float *)(const void *)job->in + i * elements;
			status = cnn_session_run_tensor(job->session, tensor, n, job->raw, scores,
			                                NULL, err);
		}
		if (status)
			return status;
	}
	return CNN_OK;
}

static enum cnn_status run_job(struct cnn_model *model, struct job *job, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	size_t element = job->pixels ? 1 : sizeof(float);
	enum cnn_status status =
		read_input(job->input, job->n * input_elements(info) * element, &job->in, err);
	if (status)
		goto done;
	job->scores = calloc(job->n * info->classes, sizeof *job->scores);
	job->pool = cnn_pool_new(job->threads);
	if (!job->scores || !job->pool) {
		status = cnn_fail_memory(err, "the scores", job->n * info->classes);
		goto done;
	}
	status = cnn_session_new(model, job->pool, &job->session, err);
	if (!status)
		status = run_all(job, info, err);
	if (!status)
		status = write_output(job->output, job->scores, job->n * info->classes, err);
done:
	cnn_session_free(job->session);
	cnn_pool_free(job->pool);
	free(job->scores);
	free(job->in);
	return status;
}

static enum cnn_status do_run(struct cnn_model *model, char *const words[], size_t n,
                              struct cnn_error *err)
{
	struct job job = {.pixels = strcmp(words[0], "pixels") == 0};
	if (n != (job.pixels ? 6 : 7) || !parse_size(words[3], &job.n) ||
	    !parse_size(words[4], &job.batch) || !parse_size(words[5], &job.threads))
		return cnn_fail(err, CNN_BAD_ARG, "%s: wrong words", words[0]);
	if (!model)
		return cnn_fail(err, CNN_BAD_ARG, "no model is loaded");
	job.input = words[1];
	job.output = words[2];
	job.raw = !job.pixels && strcmp(words[6], "raw") == 0;
	return run_job(model, &job, err);
}

static enum cnn_status do_load(struct cnn_model **model, char *const words[], size_t n,
                               struct cnn_error *err)
{
	struct cnn_load_options options = {0};
	size_t max_batch;
	if (n != 5 || !cpu_isa_parse(words[2], &options.max_isa) ||
	    !parse_size(words[3], &max_batch))
		return cnn_fail(err, CNN_BAD_ARG, "load: wrong words");
	options.max_batch = (int32_t)max_batch;
	options.keep_layers = strcmp(words[4], "keep") == 0;
	/* So little that all is cut into bands of rows, blocks and segments. */
	options.l2_bytes = strcmp(words[4], "small-cache") == 0 ? 16384 : 0;
	cnn_model_unref(*model);
	*model = NULL;
	return cnn_model_load(words[1], &options, model, err);
}

static void answer_isa(void)
{
	printf("ok");
	for (int isa = 0; isa <= (int)cpu_isa(); isa++)
		printf("\t%s", cpu_isa_name((enum cnn_isa)isa));
	printf("\n");
}

static void obey(struct cnn_model **model, char *const words[], size_t n)
{
	struct cnn_error err = {0};
	enum cnn_status status;
	bool load = strcmp(words[0], "load") == 0;
	if (strcmp(words[0], "isa") == 0) {
		answer_isa();
		return;
	}
	status = load ? do_load(model, words, n, &err) : do_run(*model, words, n, &err);
	if (status)
		printf("error\t%s\t%s\n", cnn_status_name(status), err.text);
	else if (load)
		printf("ok\t%zu\t%zu\n", input_elements(cnn_model_info(*model)),
		       cnn_model_info(*model)->classes);
	else
		printf("ok\n");
}

int main(void)
{
	static char line[16384];
	struct cnn_model *model = NULL;
	while (fgets(line, sizeof line, stdin)) {
		char *words[MAX_WORDS], *rest = line;
		size_t n = 0;
		line[strcspn(line, "\n")] = '\0';
		for (char *word; n < MAX_WORDS && (word = strsep(&rest, "\t"));)
			words[n++] = word;
		obey(&model, words, n);
		fflush(stdout);
	}
	cnn_model_unref(model);
	return 0;
}
