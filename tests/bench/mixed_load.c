/* mixed_load - do cores help whoever runs?
 *
 *	mixed_load MODEL [WORKERS [SECONDS [ROUNDS]]]
 *
 * Pictures arrive at the batcher like strangers: Poisson arrivals at 30%, 70% and 95% of capacity, then a crowd that
 * never lets it rest. Beside them, in the same rounds, the two limits: one picture after another on all
 * cores (no photo is answered sooner), and workers of one thread each that know nothing of each other (no
 * crowd is served faster). Medians of the rounds. */
#include "engine/base/cpu.h"
#include "server/batcher.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_JOBS = 1 << 20, MAX_ROUNDS = 99, CROWD = 64, MAX_WORKERS = 64 };

struct job {
	struct batch_job job;
	uint64_t due_ns;
	struct load *load;
};

struct load {
	struct cnn_model *model;
	struct image picture;
	size_t workers, classes;
	double seconds;
	struct batcher *batcher;
	struct batch_queue *queue;
	struct job *jobs;
	float *scores; /* of all jobs: nobody reads them */
	double *ms;
	atomic_size_t finished;
	atomic_bool stop;
};

/* What a round tells, and of all rounds the median. */
enum figure { ALL_CORES, P30, P70, P95, P99_30, P99_70, P99_95, INDEPENDENT, SATURATED, FIGURES };

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double quantile(double *values, size_t n, double q)
{
	qsort(values, n, sizeof *values, by_size);
	return n ? values[(size_t)(q * (double)(n - 1))] : NAN;
}

static double seconds_since(uint64_t start)
{
	return (double)(batcher_now_ns() - start) * 1e-9;
}

static void check(enum cnn_status status, const struct cnn_error *err)
{
	if (!status)
		return;
	fprintf(stderr, "mixed_load: %s\n", err->text);
	exit(1);
}

/* --- the two limits ------------------------------------------------------------------- */

static double all_cores(struct load *l)
{
	struct cnn_error err;
	struct cnn_pool *pool = cnn_pool_new(l->workers);
	struct cnn_session *s = NULL;
	const struct image *picture = &l->picture;
	size_t n = 0;
	check(cnn_session_new(l->model, pool, &s, &err), &err);
	for (uint64_t start = batcher_now_ns();
	     seconds_since(start) < l->seconds && n < MAX_JOBS;) {
		uint64_t before = batcher_now_ns();
		check(cnn_session_run(s, &picture, 1, l->scores, NULL, &err), &err);
		l->ms[n++] = seconds_since(before) * 1e3;
	}
	cnn_session_free(s);
	cnn_pool_free(pool);
	return quantile(l->ms, n, 0.5);
}

static void *work_alone(void *context)
{
	struct load *l = context;
	struct cnn_error err;
	struct cnn_session *s = NULL;
	const struct image *picture = &l->picture;
	float *scores = calloc(l->classes, sizeof *scores);
	check(scores ? CNN_OK : cnn_fail_memory(&err, "scores", l->classes), &err);
	check(cnn_session_new(l->model, NULL, &s, &err), &err);
	while (!atomic_load(&l->stop)) {
		check(cnn_session_run(s, &picture, 1, scores, NULL, &err), &err);
		atomic_fetch_add(&l->finished, 1);
	}
	cnn_session_free(s);
	free(scores);
	return NULL;
}

static void sleep_seconds(double seconds)
{
	struct timespec t = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};
	nanosleep(&t, NULL);
}

static double independent(struct load *l)
{
	pthread_t thread[MAX_WORKERS];
	atomic_store(&l->finished, 0);
	atomic_store(&l->stop, false);
	uint64_t start = batcher_now_ns();
	for (size_t i = 0; i < l->workers; i++)
		if (pthread_create(&thread[i], NULL, work_alone, l))
			exit(1);
	sleep_seconds(l->seconds);
	atomic_store(&l->stop, true);
	for (size_t i = 0; i < l->workers; i++)
		pthread_join(thread[i], NULL);
	return (double)atomic_load(&l->finished) / seconds_since(start);
}

/* --- through the batcher -------------------------------------------------------------- */

static void finished(struct batch_job *job)
{
	struct job *j = (struct job *)(void *)job;
	atomic_fetch_add(&j->load->finished, 1);
}

static bool submit(struct load *l, size_t i, uint64_t due)
{
	struct job *j = &l->jobs[i];
	memset(j, 0, sizeof *j);
	j->job.pixels = &l->picture;
	j->job.scores = l->scores + i % CROWD * l->classes;
	j->job.done = finished;
	j->due_ns = due;
	j->load = l;
	return batcher_submit(l->queue, &j->job);
}

static void wait_for(struct load *l, size_t n)
{
	while (atomic_load(&l->finished) < n)
		sleep_seconds(1e-4);
}

/* An exponential interval, of a generator that every run starts alike. */
static double interval(uint64_t *state, double rate)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return -log(((double)(*state >> 11) + 1) * 0x1p-53) / rate;
}

/* Latencies in ms, from the moment a picture was due: p50 and p99. */
static void arrivals(struct load *l, double rate, double *p50, double *p99)
{
	uint64_t state = 1, start = batcher_now_ns();
	double at = 0;
	size_t n = 0;
	atomic_store(&l->finished, 0);
	while (at < l->seconds && n < MAX_JOBS) {
		uint64_t due = start + (uint64_t)(at * 1e9);
		double early = at - seconds_since(start);
		if (early > 0)
			sleep_seconds(early);
		if (!submit(l, n, due)) {
			fprintf(stderr, "mixed_load: the queue is full\n");
			exit(1);
		}
		n++;
		at += interval(&state, rate);
	}
	wait_for(l, n);
	for (size_t i = 0; i < n; i++)
		l->ms[i] = (double)(l->jobs[i].job.finished_ns - l->jobs[i].due_ns) * 1e-6;
	*p50 = quantile(l->ms, n, 0.5);
	*p99 = quantile(l->ms, n, 0.99);
}

static double saturated(struct load *l)
{
	uint64_t start = batcher_now_ns();
	size_t n = 0;
	atomic_store(&l->finished, 0);
	while (seconds_since(start) < l->seconds && n < MAX_JOBS) {
		if (n < atomic_load(&l->finished) + CROWD)
			submit(l, n++, 0);
		else
			sleep_seconds(1e-4);
	}
	wait_for(l, n);
	return (double)n / seconds_since(start);
}

/* --- the table ------------------------------------------------------------------------ */

static void prepare(struct load *l, const char *path)
{
	struct cnn_error err;
	struct cnn_load_options load = {.max_isa = cpu_isa(), .max_batch = 8};
	check(cnn_model_load(path, &load, &l->model, &err), &err);
	const struct cnn_model_info *info = cnn_model_info(l->model);
	if (!info->takes_pictures)
		check(cnn_fail(&err, CNN_BAD_ARG, "%s: takes no pictures", path), &err);
	const struct image_fit *fit = &info->preprocess.fit;
	size_t bytes = (size_t)fit->width * (size_t)fit->height * (size_t)fit->channels;
	l->classes = info->classes;
	l->picture = (struct image){malloc(bytes), fit->width, fit->height, fit->channels};
	l->jobs = calloc(MAX_JOBS, sizeof *l->jobs);
	l->scores = calloc(CROWD * l->classes, sizeof *l->scores);
	l->ms = calloc(MAX_JOBS, sizeof *l->ms);
	if (!l->picture.px || !l->jobs || !l->scores || !l->ms)
		check(cnn_fail_memory(&err, "the load", bytes), &err);
	for (size_t i = 0; i < bytes; i++)
		l->picture.px[i] = (uint8_t)(i * 2654435761u >> 24);
	struct batcher_options options = {
		.workers = l->workers, .max_batch = 8, .max_queue = MAX_JOBS};
	check(batcher_new(&options, &l->batcher, &err), &err);
	check(batcher_add_model(l->batcher, l->model, &l->queue, &err), &err);
}

static void print_table(const struct load *l, const double median[FIGURES])
{
	const double capacity = median[INDEPENDENT];
	printf("%s, %zu workers\n", cnn_model_info(l->model)->name, l->workers);
	printf("one after another on all cores  p50 %7.2f ms\n", median[ALL_CORES]);
	for (int i = 0; i < 3; i++)
		printf("%2d%% of capacity                 p50 %7.2f ms  %+5.1f%%  p99 %7.2f ms\n",
		       (int[]){30, 70, 95}[i], median[P30 + i],
		       100 * (median[P30 + i] / median[ALL_CORES] - 1), median[P99_30 + i]);
	printf("independent workers             %8.1f pictures/s\n", capacity);
	printf("the batcher with a crowd        %8.1f pictures/s  %+5.1f%%\n", median[SATURATED],
	       100 * (median[SATURATED] / capacity - 1));
}

int main(int argc, char **argv)
{
	static double figures[FIGURES][MAX_ROUNDS];
	struct load l = {.workers = argc > 2 ? strtoul(argv[2], NULL, 10) : cpu_count(),
	                 .seconds = argc > 3 ? strtod(argv[3], NULL) : 3};
	size_t rounds = argc > 4 ? strtoul(argv[4], NULL, 10) : 5;
	if (argc < 2 || argc > 5 || l.workers < 1 || l.workers > MAX_WORKERS || !(l.seconds > 0) ||
	    l.seconds > 600 || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: mixed_load MODEL [WORKERS [SECONDS [ROUNDS]]]\n");
		return 2;
	}
	prepare(&l, argv[1]);
	for (size_t r = 0; r < rounds; r++) {
		figures[ALL_CORES][r] = all_cores(&l);
		figures[INDEPENDENT][r] = independent(&l);
		double capacity = figures[INDEPENDENT][r];
		figures[SATURATED][r] = saturated(&l);
		for (int i = 0; i < 3; i++)
			arrivals(&l, capacity * (double[]){0.3, 0.7, 0.95}[i], &figures[P30 + i][r],
			         &figures[P99_30 + i][r]);
	}
	double median[FIGURES];
	for (int i = 0; i < FIGURES; i++)
		median[i] = quantile(figures[i], rounds, 0.5);
	print_table(&l, median);
	batcher_free(l.batcher);
	cnn_model_unref(l.model);
	free(l.picture.px);
	free(l.jobs);
	free(l.scores);
	free(l.ms);
	return 0;
}
