#include "tests/soak/exchange.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

bool exchange_init(struct exchange *x)
{
	*x = (struct exchange){.fd = -1, .answer = malloc(ANSWER_BYTES + 1)};
	return x->answer != NULL;
}

void exchange_close(struct exchange *x)
{
	if (x->fd >= 0)
		close(x->fd);
	x->fd = -1;
}

static void next_answer(struct exchange *x)
{
	x->kept = x->received = x->total = 0;
	x->status = 0;
}

static bool open_connection(struct exchange *x, const struct sockaddr_in *server)
{
	x->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (x->fd < 0)
		return false;
	setsockopt(x->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	const struct sockaddr *to = (const struct sockaddr *)(const void *)server;
	if (connect(x->fd, to, sizeof *server) == 0 || errno == EINPROGRESS)
		return true;
	exchange_close(x);
	return false;
}

bool exchange_begin(struct exchange *x, const struct sockaddr_in *server, struct kind *kind)
{
	if (kind->fresh)
		exchange_close(x);
	if (x->fd < 0 && !open_connection(x, server))
		return false;
	x->kind = kind;
	x->sent = x->ever = 0;
	x->answered = 0;
	x->good = true;
	x->last = false;
	next_answer(x);
	return true;
}

static size_t to_send(const struct exchange *x)
{
	return x->kind->cut >= 0 ? (size_t)x->kind->cut : x->kind->len;
}

bool exchange_wants_write(const struct exchange *x)
{
	return x->kind && x->sent < to_send(x);
}

/* --- answers --------------------------------------------------------------- */

static void complain(struct exchange *x, const char *what)
{
	x->good = false;
	if (x->kind->wrong < 3)
		fprintf(stderr, "%s: %s: answer %u of %u: %.*s\n", x->kind->name, what,
		        x->answered + 1, x->kind->answers, (int)(x->kept < 400 ? x->kept : 400),
		        x->answer);
}

static void judge(struct exchange *x)
{
	const struct kind *k = x->kind;
	if (!kind_allows(k, x->status))
		complain(x, "status");
	else if (k->contained_len && x->status == k->status[0] &&
	         !memmem(x->answer, x->kept, k->contained, k->contained_len))
		complain(x, "body");
	x->kind->seen[x->status]++;
}

/* The value of a header line, NULL when there is none. */
static const char *header(const char *answer, const char *end, const char *name)
{
	size_t len = strlen(name);
	for (const char *line = strstr(answer, "\r\n"); line && line < end;
	     line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
			return line + 2 + len + 1 + strspn(line + 2 + len + 1, " ");
	return NULL;
}

/* The header, once it is in. false: it is none. */
static bool read_header(struct exchange *x)
{
	x->answer[x->kept] = '\0';
	const char *end = strstr(x->answer, "\r\n\r\n");
	if (!end)
		return x->kept < ANSWER_BYTES;
	x->status = strncmp(x->answer, "HTTP/1.", 7) == 0 ? atoi(x->answer + 9) : 0;
	if (x->status < 100 || x->status >= STATUS_CODES)
		return false;
	const char *length = header(x->answer, end, "Content-Length");
	const char *connection = header(x->answer, end, "Connection");
	bool has_body = !x->kind->head && x->status >= 200 && x->status != 204;
	if (has_body && !length)
		return false;
	x->total = (size_t)(end + 4 - x->answer);
	x->total += has_body ? strtoul(length, NULL, 10) : 0;
	x->last = connection && strncasecmp(connection, "close", 5) == 0;
	return true;
}

/* Bytes of the answer came in. Returns how many belong to it; 0: it is no HTTP. */
static size_t take(struct exchange *x, const char *bytes, size_t len)
{
	size_t before = x->received, room = ANSWER_BYTES - x->kept;
	size_t kept = x->kept;
	memcpy(x->answer + x->kept, bytes, len < room ? len : room);
	x->kept += len < room ? len : room;
	x->received += len;
	if (!x->total && !read_header(x))
		return 0;
	if (!x->total || x->received <= x->total)
		return len;
	/* What follows belongs to the next one. */
	if (x->kept > x->total)
		x->kept = x->total > kept ? x->total : kept;
	x->received = x->total;
	return x->total - before;
}

/* false: what came is no answer to this. */
static bool read_answers(struct exchange *x, const char *bytes, size_t len)
{
	while (len > 0) {
		if (x->answered == x->kind->answers)
			return false;
		size_t taken = take(x, bytes, len);
		if (taken == 0)
			return false;
		bytes += taken;
		len -= taken;
		if (!x->total || x->received < x->total)
			return true;
		if (x->status >= 200) {
			judge(x);
			x->answered++;
		}
		if (len > 0 || x->answered < x->kind->answers)
			next_answer(x);
	}
	return true;
}

/* --- playing ---------------------------------------------------------------- */

static bool over(struct exchange *x, bool keep)
{
	struct kind *k = x->kind;
	if (!keep && k->reset && x->fd >= 0) {
		struct linger none = {.l_onoff = 1};
		setsockopt(x->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	}
	if (!keep)
		exchange_close(x);
	k->sent += k->answers;
	k->wrong += !x->good;
	x->kind = NULL;
	return true;
}

static bool closed(struct exchange *x)
{
	if (x->answered < x->kind->answers && !kind_allows(x->kind, 0))
		complain(x, "closed");
	if (x->answered < x->kind->answers)
		x->kind->seen[0]++;
	return over(x, false);
}

static void send_more(struct exchange *x)
{
	const struct kind *k = x->kind;
	bool before = exchange_wants_write(x);
	while (exchange_wants_write(x)) {
		ssize_t n = send(x->fd, k->bytes + x->sent, to_send(x) - x->sent, MSG_NOSIGNAL);
		/* A server that refuses may close its side: its answer is there to be read. */
		if (n < 0)
			return;
		x->sent += (size_t)n;
	}
	if (before && k->shut)
		shutdown(x->fd, SHUT_WR);
}

bool exchange_go_on(struct exchange *x)
{
	const struct kind *k = x->kind;
	send_more(x);
	if (k->cut >= 0 && x->sent == (size_t)k->cut)
		return over(x, false);
	if (k->leave == 0 && x->sent == k->len)
		return over(x, false);
	for (;;) {
		char bytes[65536];
		ssize_t n = recv(x->fd, bytes, sizeof bytes, 0);
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return false;
		if (n <= 0)
			return closed(x);
		x->ever += (size_t)n;
		if (k->leave >= 0 && x->ever >= (size_t)k->leave)
			return over(x, false);
		if (!read_answers(x, bytes, (size_t)n)) {
			complain(x, "not an answer");
			return over(x, false);
		}
		if (x->answered == k->answers)
			return over(x, !x->last && !k->fresh && x->sent == k->len);
		/* A refusal ends the requests behind it. */
		if (x->last && x->answered > 0 && kind_allows(k, 0))
			return over(x, false);
	}
}

void exchange_give_up(struct exchange *x)
{
	complain(x, "no answer in time");
	over(x, false);
}
