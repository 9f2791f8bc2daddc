/* soak_load - a mix of requests, good and bad ones, over a few connections.
 *
 *	soak_load PORT KINDS CONNECTIONS REQUESTS SEED PATIENCE
 *
 * Sends each kind of the file KINDS (kinds.h) once, then by chance according to their weights, until REQUESTS were
 * sent; each connection goes on when it has its answer. An answer that takes longer than PATIENCE seconds counts as
 * wrong. One line of JSON: seconds, and for each kind how many requests were sent, how often each status came (0:
 * closed without one) and how many exchanges went wrong; the first of those are told on stderr. */
#include "tests/soak/exchange.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

enum { EVENTS = 64, LOOK_MS = 1000 };

struct load {
	struct sockaddr_in server;
	struct kind_list kinds;
	struct exchange *exchange;
	size_t n_exchanges, n_open;
	size_t requests, sent, next_kind;
	uint64_t seed, patience_ns;
	int epoll;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Uniform in [0, 1): xorshift64*. */
static double chance(struct load *l)
{
	l->seed ^= l->seed >> 12;
	l->seed ^= l->seed << 25;
	l->seed ^= l->seed >> 27;
	return (double)(l->seed * 2685821657736338717u >> 11) / 9007199254740992.0;
}

static struct kind *choose(struct load *l)
{
	if (l->next_kind < l->kinds.n)
		return &l->kinds.kind[l->next_kind++];
	double at = chance(l) * l->kinds.weight;
	size_t i = 0;
	while (i + 1 < l->kinds.n && at >= l->kinds.kind[i].weight)
		at -= l->kinds.kind[i++].weight;
	return &l->kinds.kind[i];
}

static void watch(const struct load *l, size_t i)
{
	const struct exchange *x = &l->exchange[i];
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = i};
	if (exchange_wants_write(x))
		e.events |= EPOLLOUT;
	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, x->fd, &e) != 0)
		epoll_ctl(l->epoll, EPOLL_CTL_ADD, x->fd, &e);
}

/* Begin the next one where one is over, as long as there is one to begin. */
static bool begin(struct load *l, size_t i)
{
	struct exchange *x = &l->exchange[i];
	if (l->sent >= l->requests)
		return true;
	struct kind *kind = choose(l);
	if (!exchange_begin(x, &l->server, kind)) {
		perror("soak_load");
		return false;
	}
	l->sent += kind->answers;
	l->n_open++;
	x->since_ns = now_ns();
	watch(l, i);
	return true;
}

static bool go_on(struct load *l, size_t i)
{
	struct exchange *x = &l->exchange[i];
	if (x->fd < 0)
		return true; /* an event of a connection that was closed meanwhile */
	if (!x->kind) {
		exchange_close(x);
		return true;
	}
	if (!exchange_go_on(x)) {
		watch(l, i);
		return true;
	}
	l->n_open--;
	return begin(l, i);
}

static bool look_for_silent(struct load *l)
{
	uint64_t now = now_ns();
	for (size_t i = 0; i < l->n_exchanges; i++) {
		struct exchange *x = &l->exchange[i];
		if (x->kind && now - x->since_ns > l->patience_ns) {
			exchange_give_up(x);
			l->n_open--;
		}
		if (!x->kind && !begin(l, i))
			return false;
	}
	return true;
}

static bool run(struct load *l)
{
	for (size_t i = 0; i < l->n_exchanges; i++)
		if (!begin(l, i))
			return false;
	uint64_t look_at = now_ns() + LOOK_MS * 1000000u;
	while (l->n_open > 0) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(l->epoll, events, EVENTS, LOOK_MS);
		for (int i = 0; i < n; i++)
			if (!go_on(l, events[i].data.u64))
				return false;
		if (now_ns() < look_at)
			continue;
		if (!look_for_silent(l))
			return false;
		look_at = now_ns() + LOOK_MS * 1000000u;
	}
	return true;
}

static void print(const struct load *l, double seconds)
{
	printf("{\"seconds\":%.3f,\"kinds\":{", seconds);
	for (size_t i = 0; i < l->kinds.n; i++) {
		const struct kind *k = &l->kinds.kind[i];
		printf("%s\"%s\":{\"sent\":%zu,\"wrong\":%zu,\"status\":{", i ? "," : "", k->name,
		       k->sent, k->wrong);
		const char *comma = "";
		for (int s = 0; s < STATUS_CODES; s++)
			if (k->seen[s]) {
				printf("%s\"%d\":%zu", comma, s, k->seen[s]);
				comma = ",";
			}
		printf("}}");
	}
	printf("}}\n");
}

static bool prepare(struct load *l, const char *kinds)
{
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->exchange = calloc(l->n_exchanges, sizeof *l->exchange);
	for (size_t i = 0; l->exchange && i < l->n_exchanges; i++)
		if (!exchange_init(&l->exchange[i]))
			return false;
	if (!kinds_read(&l->kinds, kinds)) {
		fprintf(stderr, "soak_load: cannot read %s\n", kinds);
		return false;
	}
	return l->epoll >= 0 && l->exchange;
}

static void clear(struct load *l)
{
	for (size_t i = 0; l->exchange && i < l->n_exchanges; i++) {
		exchange_close(&l->exchange[i]);
		free(l->exchange[i].answer);
	}
	free(l->exchange);
	kinds_free(&l->kinds);
}

int main(int argc, char **argv)
{
	if (argc != 7) {
		fprintf(stderr, "usage: soak_load PORT KINDS CONNECTIONS REQUESTS SEED PATIENCE\n");
		return 2;
	}
	struct load l = {
		.server = {.sin_family = AF_INET,
	                   .sin_port = htons((uint16_t)atoi(argv[1])),
	                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
		.n_exchanges = strtoul(argv[3], NULL, 10),
		.requests = strtoul(argv[4], NULL, 10),
		.seed = strtoull(argv[5], NULL, 10) * 2654435761u + 88172645463325252u,
		.patience_ns = strtoull(argv[6], NULL, 10) * 1000000000u,
		.epoll = -1,
	};
	bool good = prepare(&l, argv[2]);
	if (good) {
		uint64_t start = now_ns();
		good = run(&l);
		print(&l, (double)(now_ns() - start) * 1e-9);
	}
	clear(&l);
	return good ? 0 : 1;
}
