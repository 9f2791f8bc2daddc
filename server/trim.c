#include "server/trim.h"
#include "server/give_back.h"

#include <stdlib.h>

enum { PERIOD_MS = 2000 };

struct trim {
	struct server *server;
	uv_timer_t timer;
	uv_work_t work; /* it takes milliseconds, which the loop does not have */
	bool working, closed;
	uint64_t trimmed; /* requests until the last time, */
	uint64_t seen;    /* and at the last look */
};

static void on_work(uv_work_t *work)
{
	(void)work;
	give_back_free();
}

static void free_when_done(struct trim *t)
{
	if (t->closed && !t->working)
		free(t);
}

static void on_done(uv_work_t *work, int cancelled)
{
	(void)cancelled; /* never */
	struct trim *t = work->data;
	t->working = false;
	free_when_done(t);
}

/* From one look to the next nobody came, and somebody did since the last time. */
static void on_timer(uv_timer_t *timer)
{
	struct trim *t = timer->data;
	uint64_t requests = t->server->requests;
	bool idle = requests == t->seen && t->server->in_flight == 0;
	t->seen = requests;
	if (!idle || requests == t->trimmed || t->working)
		return;
	t->trimmed = requests;
	t->working = uv_queue_work(&t->server->loop, &t->work, on_work, on_done) == 0;
}

struct trim *trim_new(struct server *server)
{
	struct trim *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->server = server;
	t->timer.data = t->work.data = t;
	uv_timer_init(&server->loop, &t->timer);
	uv_timer_start(&t->timer, on_timer, PERIOD_MS, PERIOD_MS);
	return t;
}

static void on_closed(uv_handle_t *handle)
{
	struct trim *t = handle->data;
	t->closed = true;
	free_when_done(t);
}

void trim_free(struct trim *t)
{
	if (t)
		uv_close((uv_handle_t *)&t->timer, on_closed);
}
