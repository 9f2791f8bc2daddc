#include "server/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const double bounds_SECONDS[METRIC_BUCKETS] = {
	0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60,
};
static const double bounds_PICTURES[METRIC_BUCKETS] = {
	1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256,
};

/* The status codes that this server sends, in order. */
static const unsigned codes[METRIC_CODES] = {
	200, 204, 400, 401, 404, 405, 408, 409, 411, 413, 415, 422, 431, 499, 500, 503, 504,
};

static const char *const reject_names[] = {
#define X(name, text) text,
	REJECT_LIST(X)
#undef X
};
static const char *const outcome_names[] = {
#define X(name, text) text,
	OUTCOME_LIST(X)
#undef X
};

enum cnn_status metrics_init(struct metrics *m, const char *const *route, size_t n_routes,
                             struct cnn_error *err)
{
	*m = (struct metrics){.route = route, .n_routes = n_routes};
	m->by_route = calloc(n_routes, sizeof *m->by_route);
	if (!m->by_route)
		return cnn_fail_memory(err, "the metrics", n_routes * sizeof *m->by_route);
	/* Field 22 of stat, in clock ticks after boot, is when the process started. */
	struct timespec now, boot;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	double realtime = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
	double since_boot = (double)boot.tv_sec + (double)boot.tv_nsec * 1e-9;
	m->start_seconds = realtime;
	char text[1024];
	FILE *f = fopen("/proc/self/stat", "r");
	if (!f)
		return CNN_OK;
	size_t got = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[got] = '\0';
	/* The second field, the program's name, may hold blanks: count from its closing bracket. */
	const char *p = strrchr(text, ')');
	unsigned long long ticks;
	if (p && sscanf(p + 1, " %*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s %llu",
	                &ticks) == 1)
		m->start_seconds =
			realtime - since_boot + (double)ticks / (double)sysconf(_SC_CLK_TCK);
	return CNN_OK;
}

void metrics_clear(struct metrics *m)
{
	free(m->by_route);
	for (size_t i = 0; i < m->n_models; i++)
		free(m->by_model[i].name);
	*m = (struct metrics){0};
}

static void observe(struct histogram *h, const double bounds[METRIC_BUCKETS], double value)
{
	size_t i = 0;
	while (i < METRIC_BUCKETS && value > bounds[i])
		i++;
	h->bucket[i]++;
	h->sum += value;
}

void metrics_seconds(struct histogram *h, double seconds)
{
	observe(h, bounds_SECONDS, seconds);
}

void metrics_pictures(struct histogram *h, uint32_t pictures)
{
	observe(h, bounds_PICTURES, pictures);
}

struct model_metrics *metrics_model(struct metrics *m, const char *name)
{
	for (size_t i = 0; i < m->n_models; i++) {
		if (strcmp(m->by_model[i].name, name) == 0)
			return &m->by_model[i];
	}
	struct model_metrics *others = &m->by_model[METRIC_MODELS];
	if (m->n_models == METRIC_MODELS)
		return others;
	struct model_metrics *added = &m->by_model[m->n_models];
	added->name = strdup(name);
	if (!added->name)
		return others;
	m->n_models++;
	return added;
}

void metrics_request(struct metrics *m, size_t route, unsigned code, double seconds)
{
	size_t i = 0;
	while (i < METRIC_CODES && codes[i] != code)
		i++;
	m->by_route[route].code[i]++;
	metrics_seconds(&m->by_route[route].seconds, seconds);
}

static double count_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return 0;
	double n = -1; /* the directory itself is open */
	for (const struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

void metrics_read_process(struct metrics *m)
{
	FILE *f = fopen("/proc/self/statm", "r");
	if (f) {
		unsigned long long pages;
		if (fscanf(f, "%*u %llu", &pages) == 1)
			m->resident_bytes = (double)pages * (double)sysconf(_SC_PAGESIZE);
		fclose(f);
	}
	struct rusage use;
	if (getrusage(RUSAGE_SELF, &use) == 0)
		m->cpu_seconds = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		                 (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		m->max_fds = (double)limit.rlim_cur;
	m->open_fds = count_open_files();
}

void metrics_label(FILE *out, const char *value)
{
	fputc('"', out);
	for (; *value; value++) {
		if (*value == '\n') {
			fputs("\\n", out);
			continue;
		}
		if (*value == '"' || *value == '\\')
			fputc('\\', out);
		fputc(*value, out);
	}
	fputc('"', out);
}

static void write_head(FILE *out, const char *name, const char *help, const char *type)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_name(FILE *out, const char *name, const char *suffix, const char *label,
                       const char *value)
{
	fprintf(out, "%s%s", name, suffix);
	if (!label)
		return;
	fprintf(out, "{%s=", label);
	metrics_label(out, value);
	fputc('}', out);
}

/* `label`: its name, NULL for a histogram without labels. */
static void write_histogram(FILE *out, const char *name, const double *bounds,
                            const struct histogram *h, const char *label, const char *value)
{
	uint64_t sum = 0;
	for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
		sum += h->bucket[i];
		fprintf(out, "%s_bucket{", name);
		if (label) {
			fprintf(out, "%s=", label);
			metrics_label(out, value);
			fputc(',', out);
		}
		if (i < METRIC_BUCKETS)
			fprintf(out, "le=\"%g\"} %" PRIu64 "\n", bounds[i], sum);
		else
			fprintf(out, "le=\"+Inf\"} %" PRIu64 "\n", sum);
	}
	write_name(out, name, "_sum", label, value);
	fprintf(out, " %.9g\n", h->sum);
	write_name(out, name, "_count", label, value);
	fprintf(out, " %" PRIu64 "\n", sum);
}

static void write_by(FILE *out, const char *name, const char *label, const char *const *words,
                     const uint64_t *value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, words[i], value[i]);
}

static void write_route_requests(const struct metrics *m, FILE *out, const char *name)
{
	for (size_t r = 0; r < m->n_routes; r++) {
		for (size_t c = 0; c <= METRIC_CODES; c++) {
			if (!m->by_route[r].code[c])
				continue;
			fprintf(out, "%s{route=", name);
			metrics_label(out, m->route[r]);
			if (c < METRIC_CODES)
				fprintf(out, ",code=\"%u\"} ", codes[c]);
			else
				fputs(",code=\"other\"} ", out);
			fprintf(out, "%" PRIu64 "\n", m->by_route[r].code[c]);
		}
	}
}

static bool is_used(const struct histogram *h)
{
	for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
		if (h->bucket[i])
			return true;
	}
	return false;
}

static void write_route_seconds(const struct metrics *m, FILE *out, const char *name)
{
	for (size_t r = 0; r < m->n_routes; r++) {
		if (is_used(&m->by_route[r].seconds))
			write_histogram(out, name, bounds_SECONDS, &m->by_route[r].seconds, "route",
			                m->route[r]);
	}
}

/* `offset`: of the histogram in its model's metrics. */
static void write_models(const struct metrics *m, FILE *out, const char *name, const double *bounds,
                         size_t offset)
{
	for (size_t i = 0; i <= METRIC_MODELS; i++) {
		const struct model_metrics *of = &m->by_model[i];
		const void *at = (const char *)of + offset;
		const struct histogram *h = at;
		if (is_used(h))
			write_histogram(out, name, bounds, h, "model",
			                of->name ? of->name : "(others)");
	}
}

void metrics_write(const struct metrics *m, FILE *out)
{
#define BY_ROUTE_COUNTER(field, name, help)     \
	write_head(out, name, help, "counter"); \
	write_route_requests(m, out, name);
#define BY_ROUTE_HISTOGRAM(field, name, help)     \
	write_head(out, name, help, "histogram"); \
	write_route_seconds(m, out, name);
#define BY_MODEL_HISTOGRAM(field, name, bounds, help) \
	write_head(out, name, help, "histogram");     \
	write_models(m, out, name, bounds_##bounds, offsetof(struct model_metrics, field));
#define REJECT_LIST_WORDS  reject_names
#define OUTCOME_LIST_WORDS outcome_names
#define COUNTER_BY(field, name, label, LIST, help) \
	write_head(out, name, help, "counter");    \
	write_by(out, name, label, LIST##_WORDS, m->field, LIST##_COUNT);
#define HISTOGRAM(field, name, bounds, help)      \
	write_head(out, name, help, "histogram"); \
	write_histogram(out, name, bounds_##bounds, &m->field, NULL, NULL);
#define COUNTER(field, name, help)              \
	write_head(out, name, help, "counter"); \
	fprintf(out, "%s %" PRIu64 "\n", name, m->field);
#define COUNTER_REAL(field, name, help)         \
	write_head(out, name, help, "counter"); \
	fprintf(out, "%s %.9g\n", name, m->field);
#define GAUGE(field, name, help)              \
	write_head(out, name, help, "gauge"); \
	fprintf(out, "%s %.15g\n", name, m->field);
#include "server/metrics.def"
}
