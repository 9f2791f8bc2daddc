#include "engine/base/version.h"
#include "server/access_log.h"
#include "server/api.h"
#include "server/http.h"
#include "server/models.h"
#include "server/request.h"
#include "server/views.h"

#include <stdlib.h>

static void read_gauges(struct server *s)
{
	struct metrics *m = &s->metrics;
	struct batcher_stats stats;
	batcher_read_stats(s->batcher, &stats);
	m->queue_depth = (double)stats.waiting;
	m->running = (double)stats.running;
	m->decoding = (double)stats.preparing;
	m->queue_bytes = (double)stats.waiting_bytes;
	m->in_flight = (double)s->in_flight;
	m->body_bytes = (double)s->body_bytes;
	m->connections_open = (double)http_open_connections(s->http);
	m->draining = s->draining;
	views_read(s->views, m);
	m->log_dropped = log_sink_dropped(s->log->sink) + access_log_dropped(s->access);
	m->uptime_seconds = (double)(batcher_now_ns() - s->started_ns) * 1e-9;
	metrics_read_process(m);
}

static void write_info(const struct server *s, FILE *out)
{
	fputs("# HELP convd_build_info The program's version; always 1.\n"
	      "# TYPE convd_build_info gauge\n"
	      "convd_build_info{version=",
	      out);
	metrics_label(out, convd_version);
	fputs("} 1\n"
	      "# HELP convd_model_info The models that are served; always 1.\n"
	      "# TYPE convd_model_info gauge\n",
	      out);
	for (size_t i = 0; i < s->registry.n; i++) {
		const struct cnn_model_info *info = cnn_model_info(s->registry.model[i].model);
		fputs("convd_model_info{name=", out);
		metrics_label(out, s->registry.model[i].name);
		fputs(",version=", out);
		metrics_label(out, info->version);
		fputs(",sha256=", out);
		metrics_label(out, info->sha256);
		fputs("} 1\n", out);
	}
}

/* What the batcher has learnt: why batches are as large as they are. */
static void write_pace(const struct server *s, FILE *out)
{
	fputs("# HELP convd_batch_picture_seconds Measured time of a picture in batches of this "
	      "size, "
	      "when all workers are busy.\n"
	      "# TYPE convd_batch_picture_seconds gauge\n",
	      out);
	for (size_t i = 0; i < s->registry.n && i < METRIC_MODELS; i++) {
		const struct registry_model *m = &s->registry.model[i];
		struct batch_queue_stats stats;
		batcher_read_queue(m->queue, &stats);
		for (size_t k = 0; k < stats.pace.n; k++) {
			if (stats.pace.ns[k] <= 0)
				continue;
			fputs("convd_batch_picture_seconds{model=", out);
			metrics_label(out, m->name);
			fprintf(out, ",size=\"%zu\"} %.9g\n", stats.pace.size[k],
			        stats.pace.ns[k] * 1e-9);
		}
	}
}

void api_metrics(struct request *r)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out) {
		reply_text(&r->reply, 503, NULL, NULL, 0);
		return;
	}
	read_gauges(r->server);
	metrics_write(&r->server->metrics, out);
	write_info(r->server, out);
	write_pace(r->server, out);
	models_write_metrics(&r->server->registry, out);
	bool failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		text = NULL;
	}
	reply_text(&r->reply, 200, "text/plain; version=0.0.4; charset=utf-8", text, len);
}
