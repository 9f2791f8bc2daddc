#include "server/admission.h"
#include "server/query.h"
#include "server/request.h"

#include <strings.h>

enum { MAX_TIMEOUT_MS = 3600000 };

void admission_header(struct request *r, const char *name, const char *value)
{
	struct cnn_error err;
	uint64_t number;
	if (strcasecmp(name, "X-Request-Timeout-Ms") == 0) {
		if (parse_number(name, value, 1, MAX_TIMEOUT_MS, &number, &err) != CNN_OK)
			r->bad_wish = "X-Request-Timeout-Ms must be 1..3600000";
		else
			r->timeout_ms = (uint32_t)number;
	} else if (strcasecmp(name, "X-Request-Priority") == 0) {
		if (parse_number(name, value, BATCH_FIRST_PRIORITY, BATCH_LAST_PRIORITY, &number,
		                 &err) != CNN_OK)
			r->bad_wish = "X-Request-Priority must be 1, for the first, to 9";
		else
			r->priority = (unsigned)number;
	}
}

bool admission_wishes(struct request *r)
{
	if (r->bad_wish)
		reply_error(&r->reply, 400, "bad_request", "%s", r->bad_wish);
	return !r->bad_wish;
}

uint64_t admission_deadline(const struct request *r, uint64_t started_ns)
{
	uint64_t deadline = started_ns + (uint64_t)r->server->config->predict_timeout_ms * 1000000u;
	uint64_t own = r->started_ns + (uint64_t)r->timeout_ms * 1000000u;
	return r->timeout_ms && own < deadline ? own : deadline;
}

void admission_refuse(struct request *r, enum metric_reject why, size_t n, unsigned retry_seconds)
{
	struct server *s = r->server;
	s->metrics.rejected[why]++;
	s->metrics.pictures[OUTCOME_OVERLOADED] += n;
	if (why == REJECT_LATE)
		reply_error(&r->reply, 503, "overloaded",
		            "pictures wait for longer than this one has time");
	else if (why == REJECT_QUEUE_BYTES)
		reply_error(&r->reply, 503, "overloaded",
		            "waiting pictures fill the memory set aside for them");
	else
		reply_error(&r->reply, 503, "overloaded", "%lld pictures wait already",
		            (long long)s->config->queue);
	reply_header(&r->reply, "Retry-After", arena_printf(r->arena, "%u", retry_seconds));
}

bool admission_check(struct request *r, const struct registry_model *m, size_t n, size_t bytes)
{
	struct server *s = r->server;
	struct batcher_stats stats;
	batcher_read_stats(s->batcher, &stats);
	size_t max_bytes = (size_t)s->config->queue_bytes;
	uint64_t now = batcher_now_ns();
	enum metric_reject why;
	if (stats.waiting >= (size_t)s->config->queue)
		why = REJECT_QUEUE_FULL;
	else if (stats.waiting_bytes > 0 &&
	         (bytes > max_bytes || stats.waiting_bytes > max_bytes - bytes))
		why = REJECT_QUEUE_BYTES;
	else if (m && now + batcher_wait_ns(m->queue, r->priority) > admission_deadline(r, now))
		why = REJECT_LATE;
	else
		return true;
	admission_refuse(r, why, n, batcher_retry_after(s->batcher));
	return false;
}
