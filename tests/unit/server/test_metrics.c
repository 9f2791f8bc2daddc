#include "server/metrics.h"
#include "tests/test.h"

static const char *const labels[] = {"/predict", "(none)"};
static struct metrics m;
static struct cnn_error err;

static char *page(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	metrics_write(&m, out);
	fclose(out);
	return text;
}

static void requests_are_counted_by_route_and_code(void)
{
	CHECK_INT(metrics_init(&m, labels, 2, &err), CNN_OK);
	metrics_request(&m, 0, 200, 0.003);
	metrics_request(&m, 0, 200, 0.3);
	metrics_request(&m, 0, 503, 100);
	metrics_request(&m, 1, 404, 0);
	metrics_request(&m, 1, 999, 0);
	char *text = page();
	CHECK(strstr(text, "convd_http_requests_total{route=\"/predict\",code=\"200\"} 2\n"));
	CHECK(strstr(text, "convd_http_requests_total{route=\"/predict\",code=\"503\"} 1\n"));
	CHECK(strstr(text, "convd_http_requests_total{route=\"(none)\",code=\"404\"} 1\n"));
	CHECK(strstr(text, "convd_http_requests_total{route=\"(none)\",code=\"other\"} 1\n"));
	const char *name = "convd_http_request_duration_seconds";
	char line[200];
	snprintf(line, sizeof line, "%s_bucket{route=\"/predict\",le=\"0.002\"} 0\n", name);
	CHECK(strstr(text, line));
	snprintf(line, sizeof line, "%s_bucket{route=\"/predict\",le=\"0.005\"} 1\n", name);
	CHECK(strstr(text, line));
	snprintf(line, sizeof line, "%s_bucket{route=\"/predict\",le=\"60\"} 2\n", name);
	CHECK(strstr(text, line));
	snprintf(line, sizeof line, "%s_bucket{route=\"/predict\",le=\"+Inf\"} 3\n", name);
	CHECK(strstr(text, line));
	snprintf(line, sizeof line, "%s_sum{route=\"/predict\"} 100.303\n", name);
	CHECK(strstr(text, line));
	snprintf(line, sizeof line, "%s_count{route=\"/predict\"} 3\n", name);
	CHECK(strstr(text, line));
	free(text);
	metrics_clear(&m);
}

static void a_bound_belongs_to_its_bucket(void)
{
	CHECK_INT(metrics_init(&m, labels, 2, &err), CNN_OK);
	metrics_pictures(&metrics_model(&m, "net")->batch, 8);
	char *text = page();
	CHECK(strstr(text, "convd_batch_pictures_bucket{model=\"net\",le=\"6\"} 0\n"));
	CHECK(strstr(text, "convd_batch_pictures_bucket{model=\"net\",le=\"8\"} 1\n"));
	CHECK(strstr(text, "convd_batch_pictures_sum{model=\"net\"} 8\n"));
	free(text);
	metrics_clear(&m);
}

static void models_beyond_the_limit_share_a_row(void)
{
	CHECK_INT(metrics_init(&m, labels, 2, &err), CNN_OK);
	struct model_metrics *first = metrics_model(&m, "model 0");
	for (int i = 0; i < METRIC_MODELS + 10; i++) {
		char name[32];
		snprintf(name, sizeof name, "model %d", i);
		metrics_pictures(&metrics_model(&m, name)->batch, 1);
	}
	CHECK(metrics_model(&m, "model 0") == first);
	CHECK(metrics_model(&m, "new") == metrics_model(&m, "newer"));
	char *text = page();
	CHECK(strstr(text, "convd_batch_pictures_count{model=\"model 63\"} 1\n"));
	CHECK(strstr(text, "convd_batch_pictures_count{model=\"(others)\"} 10\n"));
	free(text);
	metrics_clear(&m);
}

/* Every sample line follows the HELP and TYPE of its metric, and every name is declared once. */
static void every_metric_is_declared(void)
{
	CHECK_INT(metrics_init(&m, labels, 2, &err), CNN_OK);
	metrics_read_process(&m);
	char *text = page(), declared[128] = "";
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "# TYPE %127s", declared) == 1 || strncmp(line, "# HELP ", 7) == 0)
			continue;
		CHECK(line[0] != '#' && declared[0]);
		CHECK(strncmp(line, declared, strlen(declared)) == 0);
		CHECK(strchr(line, ' ') != NULL);
	}
	free(text);
	CHECK(m.resident_bytes > 0);
	CHECK(m.open_fds >= 3);
	CHECK(m.start_seconds > 1e9);
	metrics_clear(&m);
}

static void label_values_are_escaped(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	metrics_label(out, "a\"b\\c\nd");
	fclose(out);
	CHECK_STR(text, "\"a\\\"b\\\\c\\nd\"");
	free(text);
}

TEST_MAIN({"requests_are_counted_by_route_and_code", requests_are_counted_by_route_and_code},
          {"a_bound_belongs_to_its_bucket", a_bound_belongs_to_its_bucket},
          {"models_beyond_the_limit_share_a_row", models_beyond_the_limit_share_a_row},
          {"every_metric_is_declared", every_metric_is_declared},
          {"label_values_are_escaped", label_values_are_escaped})
