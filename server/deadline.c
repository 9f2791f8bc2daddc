#include "server/deadline.h"
#include "server/infer.h"
#include "server/job.h"
#include "server/request.h"
#include "server/view.h"

#include <stdio.h>

void deadline_refuse(struct server *s, struct connection *c, unsigned status, const char *code,
                     const char *message)
{
	struct request *r = c->request;
	struct request unnamed = {.server = s, .connection = c, .started_ns = c->since_ns};
	if (!r)
		r = &unnamed; /* not even its first line came */
	reply_clear(&r->reply);
	reply_error(&r->reply, status, code, "%s", message);
	request_finish_reply(r);
	request_count_reply(r);
	r->stage = REQUEST_SENT;
	connection_write_reply(c, &r->reply);
	if (r == &unnamed)
		reply_clear(&r->reply);
	connection_set_phase(c, CONNECTION_SENDING);
	connection_shut(c);
}

static void refuse_slow(struct server *s, struct connection *c)
{
	char message[80];
	snprintf(message, sizeof message, "the request did not arrive within %lld ms",
	         (long long)s->config->read_timeout_ms);
	s->metrics.rejected[REJECT_TOO_SLOW]++;
	deadline_refuse(s, c, 408, "too_slow", message);
}

static void check_infer(struct connection *c)
{
	if (infer_is_late(c->request->infer))
		infer_give_up(c->request->infer, PREDICTION_EXPIRED);
	else if (connection_peer_left(c))
		infer_give_up(c->request->infer, PREDICTION_LEFT);
}

static void check_view(struct connection *c)
{
	if (view_is_late(c->request->view))
		view_give_up(c->request->view, PREDICTION_EXPIRED);
	else if (connection_peer_left(c))
		view_give_up(c->request->view, PREDICTION_LEFT);
}

static void check_idle(struct connection *c, const struct deadline_check *check, bool late)
{
	if (connection_has_begun(c))
		connection_set_phase(c, CONNECTION_READING);
	else if (check->close_idle || connection_peer_left(c) || late)
		connection_shut(c);
}

void deadline_check(struct server *s, struct connection *c, const struct deadline_check *check)
{
	/* A phase may have begun after `now` was read. */
	uint64_t spent = check->now_ns > c->since_ns ? check->now_ns - c->since_ns : 0;
	int64_t allowed_ms = c->phase == CONNECTION_IDLE ? s->config->idle_timeout_ms
	                                                 : s->config->read_timeout_ms;
	bool late = spent >= (uint64_t)allowed_ms * 1000000u;
	switch (c->phase) {
	case CONNECTION_IDLE:
		if (check->idle_too)
			check_idle(c, check, late);
		break;
	case CONNECTION_READING:
		/* The library misses an end that arrives in one piece with the last bytes it read. */
		if (connection_peer_left(c))
			connection_shut(c);
		else if (late)
			refuse_slow(s, c);
		break;
	case CONNECTION_WORKING:
		if (c->request->give_up && connection_peer_left(c))
			c->request->give_up(c->request);
		if (c->request->infer)
			check_infer(c);
		if (c->request->view)
			check_view(c);
		if (!c->request->prediction)
			break; /* its reply is set and goes out in the next run */
		if (prediction_is_late(c->request->prediction))
			prediction_give_up(c->request->prediction, PREDICTION_EXPIRED);
		else if (connection_peer_left(c))
			prediction_give_up(c->request->prediction, PREDICTION_LEFT);
		break;
	case CONNECTION_SENDING:
		if (late)
			connection_shut(c);
		break;
	}
}
