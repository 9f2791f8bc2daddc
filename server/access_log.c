#include "server/access_log.h"
#include "server/connection.h"
#include "server/request.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_PATH = 1024, MAX_ESCAPED = 5 * MAX_PATH + 1, CLIENT_LEFT = 499 };

struct access_log {
	struct log_sink *sink, *own; /* own: of --access-log-file */
	bool json;
	uint64_t every, seen; /* of good requests one in `every` */
};

void access_log_escape(const char *text, size_t len, const char *slash, char *out, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0, slash_len = strlen(slash);
	for (size_t i = 0; i < len && n + slash_len + 4 <= size; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			out[n++] = (char)c;
			continue;
		}
		memcpy(out + n, slash, slash_len);
		n += slash_len;
		out[n++] = 'x';
		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	out[n] = '\0';
}

/* A line that grows; what does not fit is cut. */
struct line {
	char text[LOG_SINK_LINE_BYTES];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	size_t room = sizeof l->text - l->len;
	int n = vsnprintf(l->text + l->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void client_address(const struct request *r, char out[INET6_ADDRSTRLEN])
{
	const union MHD_ConnectionInfo *info =
		r->connection ? MHD_get_connection_info(r->connection->mhd,
	                                                MHD_CONNECTION_INFO_CLIENT_ADDRESS)
			      : NULL;
	const struct sockaddr *a = info ? info->client_addr : NULL;
	strcpy(out, "-");
	if (a && a->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, out,
		          INET6_ADDRSTRLEN);
	else if (a && a->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, out,
		          INET6_ADDRSTRLEN);
}

/* What a line says, escaped for its format. */
struct facts {
	char client[INET6_ADDRSTRLEN], method[64], path[MAX_ESCAPED], query[MAX_ESCAPED],
		model[512];
	unsigned status;
	size_t bytes;
	double total_ms;
};

static void collect(const struct request *r, const char *slash, struct facts *f)
{
	const char *method = r->method_name ? r->method_name : "-", *path = r->path ? r->path : "-";
	const char *query = r->query_text ? r->query_text : "";
	const char *model = r->picture.model ? r->picture.model : "";
	client_address(r, f->client);
	access_log_escape(method, strnlen(method, 10), slash, f->method, sizeof f->method);
	access_log_escape(path, strnlen(path, MAX_PATH), slash, f->path, sizeof f->path);
	access_log_escape(query, strnlen(query, MAX_PATH / 2), slash, f->query, sizeof f->query);
	access_log_escape(model, strnlen(model, 100), slash, f->model, sizeof f->model);
	f->status = r->reply.status ? r->reply.status : CLIENT_LEFT;
	f->bytes = strcmp(method, "HEAD") == 0 ? 0 : r->reply.len;
	f->total_ms = (double)(batcher_now_ns() - r->started_ns) * 1e-6;
}

static double ms(uint64_t from_ns, uint64_t to_ns)
{
	return from_ns && to_ns > from_ns ? (double)(to_ns - from_ns) * 1e-6 : 0;
}

static void write_text(const struct request *r, const struct facts *f, struct line *l)
{
	char stamp[40] = "-";
	time_t now = time(NULL);
	struct tm utc;
	if (gmtime_r(&now, &utc))
		strftime(stamp, sizeof stamp, "%d/%b/%Y:%H:%M:%S +0000", &utc);
	add(l, "%s - - [%s] \"%s %s%s%s HTTP/1.1\" %u %zu id=%s total=%.3f", f->client, stamp,
	    f->method, f->path, *f->query ? "?" : "", f->query, f->status, f->bytes, r->id,
	    f->total_ms);
	const struct request_picture *p = &r->picture;
	if (p->queued_ns)
		add(l, " decode=%.3f queue=%.3f inference=%.3f batch=%u model=\"%s\"",
		    ms(p->prepare_ns, p->prepared_ns),
		    ms(p->queued_ns, p->prepare_ns) + ms(p->prepared_ns, p->started_ns),
		    ms(p->started_ns, p->finished_ns), (unsigned)p->batch, f->model);
}

static void write_json(const struct request *r, const struct facts *f, struct line *l)
{
	char stamp[LOG_STAMP_BYTES];
	log_stamp(stamp);
	add(l,
	    "{\"time\":\"%s\",\"level\":\"access\",\"id\":\"%s\",\"client\":\"%s\",\"method\":\"%"
	    "s\","
	    "\"path\":\"%s\",\"query\":\"%s\",\"status\":%u,\"bytes\":%zu,\"total_ms\":%.3f",
	    stamp, r->id, f->client, f->method, f->path, f->query, f->status, f->bytes,
	    f->total_ms);
	const struct request_picture *p = &r->picture;
	if (p->queued_ns)
		add(l,
		    ",\"decode_ms\":%.3f,\"queue_ms\":%.3f,\"inference_ms\":%.3f,\"batch\":%u,"
		    "\"model\":\"%s\"",
		    ms(p->prepare_ns, p->prepared_ns),
		    ms(p->queued_ns, p->prepare_ns) + ms(p->prepared_ns, p->started_ns),
		    ms(p->started_ns, p->finished_ns), (unsigned)p->batch, f->model);
	add(l, "}");
}

void access_log_request(struct access_log *log, const struct request *r)
{
	if (!log)
		return;
	bool good = r->reply.status && r->reply.status < 400;
	if (good && log->seen++ % log->every != 0)
		return;
	struct facts facts;
	struct line line;
	line.len = 0;
	collect(r, log->json ? "\\\\" : "\\", &facts);
	if (log->json)
		write_json(r, &facts, &line);
	else
		write_text(r, &facts, &line);
	if (line.len == sizeof line.text - 1)
		line.len--;
	line.text[line.len++] = '\n';
	log_sink_push(log->sink, line.text, line.len);
}

enum cnn_status access_log_new(const struct config *config, struct log_sink *messages,
                               struct access_log **out, struct cnn_error *err)
{
	*out = NULL;
	if (config->access_log == ACCESS_OFF)
		return CNN_OK;
	struct access_log *log = calloc(1, sizeof *log);
	if (!log)
		return cnn_fail_memory(err, "the access log", sizeof *log);
	log->json = config->log_format != 0;
	log->every = config->access_log == ACCESS_ON ? 1 : (uint64_t)config->access_log_sample;
	log->sink = messages;
	if (config->access_log_file) {
		enum cnn_status status = log_sink_new(config->access_log_file, &log->own, err);
		if (status != CNN_OK) {
			free(log);
			return status;
		}
		log->sink = log->own;
	}
	*out = log;
	return CNN_OK;
}

void access_log_reopen(struct access_log *log)
{
	if (log)
		log_sink_reopen(log->own);
}

uint64_t access_log_dropped(const struct access_log *log)
{
	return log ? log_sink_dropped(log->own) : 0;
}

void access_log_free(struct access_log *log)
{
	if (!log)
		return;
	log_sink_free(log->own);
	free(log);
}
