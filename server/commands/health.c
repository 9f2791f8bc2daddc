/* One GET: the image's HEALTHCHECK, without curl. */
#include "server/commands/channel.h"
#include "server/commands/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct target {
	char host[256], port[8], path[512];
	bool bracketed; /* an IPv6 literal */
	bool tls;
};

static bool copy(char *to, size_t size, const char *from, size_t length)
{
	if (length >= size)
		return false;
	memcpy(to, from, length);
	to[length] = '\0';
	return true;
}

/* http[s]://HOST[:PORT][/PATH]; HOST may be [IPv6]. */
static bool parse_url(const char *url, struct target *t)
{
	t->tls = strncmp(url, "https://", 8) == 0;
	if (!t->tls && strncmp(url, "http://", 7) != 0)
		return false;
	const char *host = strchr(url, '/') + 2, *end;
	t->bracketed = *host == '[';
	if (t->bracketed) {
		end = strchr(++host, ']');
		if (!end)
			return false;
	} else {
		end = host + strcspn(host, ":/");
	}
	if (end == host || !copy(t->host, sizeof t->host, host, (size_t)(end - host)))
		return false;
	end += t->bracketed;
	strcpy(t->port, t->tls ? "443" : "80");
	if (*end == ':') {
		size_t digits = strspn(end + 1, "0123456789");
		if (digits == 0 || !copy(t->port, sizeof t->port, end + 1, digits))
			return false;
		end += 1 + digits;
	}
	if (*end == '\0' || strcmp(end, "/") == 0)
		end = "/health/ready";
	if (*end != '/' || strpbrk(end, " \r\n\t"))
		return false;
	return copy(t->path, sizeof t->path, end, strlen(end));
}

/* The server that this environment describes; one that listens everywhere is asked on loopback. */
static bool default_target(const struct config *config, struct target *t)
{
	t->tls = config->tls_cert != NULL;
	const char *host = getenv("CONVD_HOST"), *port = getenv("CONVD_PORT");
	if (!host || !*host || strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	else if (strcmp(host, "::") == 0)
		host = "::1";
	t->bracketed = strchr(host, ':') != NULL;
	if (!port || !*port)
		port = "8080";
	return copy(t->host, sizeof t->host, host, strlen(host)) &&
	       copy(t->port, sizeof t->port, port, strlen(port)) &&
	       copy(t->path, sizeof t->path, "/health/ready", strlen("/health/ready"));
}

static enum cnn_status ask(struct channel *c, const struct target *t, char *text, size_t size,
                           int *status, struct cnn_error *err)
{
	int n = snprintf(text, size,
	                 "GET %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nConnection: close\r\n\r\n", t->path,
	                 t->bracketed ? "[" : "", t->host, t->bracketed ? "]" : "", t->port);
	enum cnn_status done = channel_send(c, text, (size_t)n, err);
	size_t at = 0, got = 1;
	while (done == CNN_OK && got > 0 && at + 1 < size) {
		done = channel_receive(c, text + at, size - 1 - at, &got, err);
		at += done == CNN_OK ? got : 0;
	}
	if (done != CNN_OK)
		return done;
	text[at] = '\0';
	if (sscanf(text, "HTTP/1.%*d %d", status) != 1)
		return cnn_fail(err, CNN_IO, "the answer is no HTTP");
	return CNN_OK;
}

int command_health(const struct config *config)
{
	struct target t = {0};
	bool named = config->n_args == 1;
	if (config->n_args > 1 || (named && !parse_url(config->args[0], &t)) ||
	    (!named && !default_target(config, &t))) {
		fprintf(stderr, "convd health: expected one URL like http://127.0.0.1:8080\n");
		return 2;
	}
	/* Its certificate need not name the address where a server is asked by its own machine. */
	struct channel_trust trust = {.anyone = config->insecure || (!named && !config->tls_ca),
	                              .ca = config->tls_ca};
	char text[4096] = "";
	int status = 0;
	struct channel *c = NULL;
	struct cnn_error err;
	enum cnn_status done =
		channel_open(t.host, t.port, t.tls ? &trust : NULL, config->timeout_ms, &c, &err);
	if (done == CNN_OK)
		done = ask(c, &t, text, sizeof text, &status, &err);
	channel_close(c);
	if (done != CNN_OK) {
		fprintf(stderr, "convd health: %s port %s: %s\n", t.host, t.port, err.text);
		return 1;
	}
	const char *body = strstr(text, "\r\n\r\n");
	printf("%d %s\n", status, body ? body + 4 : "");
	return status == 200 ? 0 : 1;
}
