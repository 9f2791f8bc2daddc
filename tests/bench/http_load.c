/* http_load - strangers who post photos, from outside.
 *
 *	http_load PORT PATH CONNECTIONS RATE SECONDS WARM PHOTO...
 *
 * RATE 0: each of the connections posts its next photo when the last one is answered. Else photos arrive RATE a
 * second, like strangers do (Poisson), whether the server keeps up or not, on at most that many connections; a
 * photo's time counts from when it was due. What is due in the first WARM seconds does not count.
 * One line of JSON: rates a second, milliseconds, and how often each status came; 0 is a broken connection. */
#include "tests/bench/http_client.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ANSWERS = 1 << 21, STATUSES = 600, EVENTS = 256, GRACE_SECONDS = 10 };

/* Times of one kind of answer, in milliseconds. */
struct times {
	double *ms;
	size_t n;
};

struct load {
	struct sockaddr_in server;
	struct message *message;
	size_t n_messages, next_message;
	struct client *client;
	size_t n_clients, busy, *idle, n_idle;
	double rate, seconds, warm;
	uint64_t start_ns, due_ns; /* of the next arrival */
	uint64_t seed;
	int epoll;
	struct times good, refused;
	size_t status[STATUSES];
	size_t sent;
	int retry_least, retry_most;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Uniform in (0, 1]: xorshift64*. */
static double chance(struct load *l)
{
	l->seed ^= l->seed >> 12;
	l->seed ^= l->seed << 25;
	l->seed ^= l->seed >> 27;
	return (double)((l->seed * 2685821657736338717u >> 11) + 1) / 9007199254740992.0;
}

static bool read_photo(const char *path, const char *target, struct message *out)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return false;
	fseek(f, 0, SEEK_END);
	long size = ftell(f);
	rewind(f);
	char head[1024];
	int len = snprintf(head, sizeof head,
	                   "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
	                   "Content-Length: %ld\r\n\r\n",
	                   target, size);
	out->len = (size_t)len + (size_t)size;
	out->bytes = malloc(out->len);
	bool good = out->bytes && len < (int)sizeof head &&
	            fread(out->bytes + len, 1, (size_t)size, f) == (size_t)size;
	if (good)
		memcpy(out->bytes, head, (size_t)len);
	fclose(f);
	return good;
}

static void watch(const struct load *l, size_t i)
{
	const struct client *c = &l->client[i];
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = i};
	if (client_wants_write(c))
		e.events |= EPOLLOUT;
	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &e) != 0)
		epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e);
}

static void count(struct load *l, const struct client *c, int status)
{
	double due = (double)(c->due_ns - l->start_ns) * 1e-9;
	double ms = (double)(now_ns() - c->due_ns) * 1e-6;
	if (due < l->warm || due >= l->seconds)
		return;
	l->status[status > 0 && status < STATUSES ? status : 0]++;
	struct times *t = status == 200 ? &l->good : &l->refused;
	if (t->n < MAX_ANSWERS)
		t->ms[t->n++] = ms;
	if (status != 503)
		return;
	if (c->retry_after < l->retry_least)
		l->retry_least = c->retry_after;
	if (c->retry_after > l->retry_most)
		l->retry_most = c->retry_after;
}

static void release(struct load *l, size_t i)
{
	l->busy--;
	l->idle[l->n_idle++] = i;
}

static void go_on(struct load *l, size_t i)
{
	struct client *c = &l->client[i];
	if (!c->busy) { /* the server closed a connection that was idle */
		client_close(c);
		return;
	}
	enum client_state state = client_go_on(c);
	if (state == CLIENT_WAITS) {
		watch(l, i);
		return;
	}
	count(l, c, state == CLIENT_ANSWERED ? c->status : 0);
	release(l, i);
	if (c->fd >= 0)
		watch(l, i);
}

static void post(struct load *l, uint64_t due_ns)
{
	size_t i = l->idle[--l->n_idle];
	const struct message *m = &l->message[l->next_message++ % l->n_messages];
	l->busy++;
	l->sent++;
	if (!client_begin(&l->client[i], &l->server, m, due_ns)) {
		l->client[i].due_ns = due_ns;
		count(l, &l->client[i], 0);
		release(l, i);
		return;
	}
	go_on(l, i);
}

/* Post what is due. Returns how many milliseconds there is nothing to do but wait. */
static int post_due(struct load *l)
{
	uint64_t end = l->start_ns + (uint64_t)(l->seconds * 1e9);
	for (;;) {
		uint64_t now = now_ns();
		if (now >= end)
			return 100;
		if (l->n_idle == 0)
			return 100; /* what is due waits, and its time counts */
		if (l->rate <= 0) {
			post(l, now);
			continue;
		}
		if (l->due_ns >= end)
			return 100;
		if (l->due_ns > now)
			return (int)((l->due_ns - now) / 1000000u);
		post(l, l->due_ns);
		l->due_ns += (uint64_t)(-log(chance(l)) / l->rate * 1e9);
	}
}

static void run(struct load *l)
{
	uint64_t end = l->start_ns + (uint64_t)(l->seconds * 1e9);
	uint64_t patience = end + (uint64_t)GRACE_SECONDS * 1000000000u;
	while (now_ns() < end || (l->busy > 0 && now_ns() < patience)) {
		struct epoll_event events[EVENTS];
		int wait = post_due(l), n = epoll_wait(l->epoll, events, EVENTS, wait);
		for (int i = 0; i < n; i++)
			go_on(l, events[i].data.u64);
	}
	/* The unanswered count as broken. */
	for (size_t i = 0; i < l->n_clients; i++)
		if (l->client[i].busy)
			count(l, &l->client[i], 0);
	/* What was due and never went out, too. */
	while (l->rate > 0 && l->due_ns < end) {
		struct client late = {.fd = -1, .due_ns = l->due_ns};
		count(l, &late, 0);
		l->due_ns += (uint64_t)(-log(chance(l)) / l->rate * 1e9);
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print_times(const char *name, struct times *t)
{
	qsort(t->ms, t->n, sizeof *t->ms, by_size);
	const double at[] = {0.5, 0.9, 0.99, 1};
	const char *const label[] = {"p50", "p90", "p99", "max"};
	printf("\"%s\":{\"n\":%zu", name, t->n);
	for (size_t i = 0; i < 4 && t->n; i++)
		printf(",\"%s\":%.3f", label[i], t->ms[(size_t)(at[i] * (double)(t->n - 1))]);
	printf("}");
}

static void print(struct load *l)
{
	double counted = l->seconds - l->warm;
	printf("{\"rate\":%.3f,", (double)l->good.n / counted);
	print_times("good", &l->good);
	printf(",");
	print_times("refused", &l->refused);
	printf(",\"retry_after\":[%d,%d],\"status\":{", l->retry_most < 0 ? -1 : l->retry_least,
	       l->retry_most);
	const char *comma = "";
	for (int i = 0; i < STATUSES; i++)
		if (l->status[i]) {
			printf("%s\"%d\":%zu", comma, i, l->status[i]);
			comma = ",";
		}
	printf("}}\n");
}

static bool prepare(struct load *l, const char *target, char **photo)
{
	l->message = calloc(l->n_messages, sizeof *l->message);
	l->client = calloc(l->n_clients, sizeof *l->client);
	l->idle = calloc(l->n_clients, sizeof *l->idle);
	l->good.ms = malloc(MAX_ANSWERS * sizeof(double));
	l->refused.ms = malloc(MAX_ANSWERS * sizeof(double));
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!l->message || !l->client || !l->idle || !l->good.ms || !l->refused.ms || l->epoll < 0)
		return false;
	for (size_t i = 0; i < l->n_messages; i++)
		if (!read_photo(photo[i], target, &l->message[i])) {
			fprintf(stderr, "http_load: cannot read %s\n", photo[i]);
			return false;
		}
	for (size_t i = 0; i < l->n_clients; i++) {
		l->client[i].fd = -1;
		l->idle[l->n_idle++] = i;
	}
	return true;
}

static void clear(struct load *l)
{
	for (size_t i = 0; l->client && i < l->n_clients; i++)
		client_close(&l->client[i]);
	for (size_t i = 0; l->message && i < l->n_messages; i++)
		free(l->message[i].bytes);
	if (l->epoll >= 0)
		close(l->epoll);
	free(l->message);
	free(l->client);
	free(l->idle);
	free(l->good.ms);
	free(l->refused.ms);
}

int main(int argc, char **argv)
{
	if (argc < 8) {
		fprintf(stderr,
		        "usage: http_load PORT PATH CONNECTIONS RATE SECONDS WARM PHOTO...\n");
		return 2;
	}
	struct load l = {
		.server = {.sin_family = AF_INET,
	                   .sin_port = htons((uint16_t)atoi(argv[1])),
	                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
		.n_clients = strtoul(argv[3], NULL, 10),
		.rate = strtod(argv[4], NULL),
		.seconds = strtod(argv[5], NULL),
		.warm = strtod(argv[6], NULL),
		.n_messages = (size_t)(argc - 7),
		.seed = 88172645463325252u,
		.epoll = -1,
		.retry_least = 1 << 30,
		.retry_most = -1,
	};
	bool good = l.n_clients > 0 && prepare(&l, argv[2], argv + 7);
	if (good) {
		l.start_ns = l.due_ns = now_ns();
		run(&l);
		print(&l);
	}
	clear(&l);
	return good ? 0 : 1;
}
