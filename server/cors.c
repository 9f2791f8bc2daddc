#include "server/cors.h"
#include "server/reply.h"

#include <stdlib.h>
#include <string.h>

/* A page may send these, and read those beyond the few that it always may. */
#define ALLOWED_HEADERS                                                                    \
	"Authorization, Content-Encoding, Content-Type, Inference-Header-Content-Length, " \
	"X-Api-Key, X-Request-Id"
#define EXPOSED_HEADERS   "Inference-Header-Content-Length, Retry-After, Server-Timing, X-Request-Id"
#define PREFLIGHT_SECONDS "600"

struct cors {
	bool any;
	size_t n;
	const char **origin; /* of the list in text */
	char *text;
};

static bool is_host_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c && strchr("-._:[]", c));
}

/* As browsers write it: scheme://host or scheme://host:port, in lower case. */
static bool is_origin(const char *text)
{
	const char *host = strstr(text, "://");
	if (!host || host == text)
		return false;
	for (const char *p = text; p < host; p++) {
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9') && !strchr("+-.", *p))
			return false;
	}
	for (host += 3; *host; host++) {
		if (!is_host_char(*host))
			return false;
	}
	return host[-1] != '/';
}

static enum cnn_status take_origin(struct cors *cors, char *word, struct cnn_error *err)
{
	for (char *p = word; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	}
	if (strcmp(word, "*") == 0)
		cors->any = true;
	else if (is_origin(word))
		cors->origin[cors->n++] = word;
	else
		return cnn_fail(err, CNN_BAD_ARG,
		                "--cors-origin: '%.100s' is not * and no origin like "
		                "https://app.example or http://localhost:3000",
		                word);
	return CNN_OK;
}

enum cnn_status cors_parse(const char *text, struct cors **out, struct cnn_error *err)
{
	size_t commas = 0;
	for (const char *p = text; *p; p++)
		commas += *p == ',';
	struct cors *cors = calloc(1, sizeof *cors);
	if (cors) {
		cors->text = strdup(text);
		cors->origin = calloc(commas + 1, sizeof *cors->origin);
	}
	if (!cors || !cors->text || !cors->origin) {
		cors_free(cors);
		return cnn_fail_memory(err, "--cors-origin", strlen(text));
	}
	enum cnn_status status = CNN_OK;
	for (char *at = cors->text, *word; status == CNN_OK && (word = strsep(&at, ","));) {
		word += strspn(word, " ");
		for (char *end = strchr(word, '\0'); end > word && end[-1] == ' ';)
			*--end = '\0';
		status = take_origin(cors, word, err);
	}
	if (status == CNN_OK)
		*out = cors;
	else
		cors_free(cors);
	return status;
}

void cors_free(struct cors *cors)
{
	if (!cors)
		return;
	free(cors->origin);
	free(cors->text);
	free(cors);
}

const char *cors_match(const struct cors *cors, const char *origin)
{
	if (cors->any)
		return "*";
	for (size_t i = 0; origin && i < cors->n; i++) {
		if (strcmp(cors->origin[i], origin) == 0)
			return cors->origin[i];
	}
	return NULL;
}

static const char *header_of(const struct reply *reply, const char *name)
{
	for (size_t i = 0; i < reply->n_headers; i++) {
		if (strcmp(reply->header[i].name, name) == 0)
			return reply->header[i].value;
	}
	return NULL;
}

void cors_headers(const struct cors *cors, const char *allowed, struct reply *reply)
{
	/* A cache must not show one page's answer to another, one without the header included. */
	if (!cors->any)
		reply_header(reply, "Vary", "Origin");
	if (!allowed)
		return;
	reply_header(reply, "Access-Control-Allow-Origin", allowed);
	const char *methods = reply->status == 204 ? header_of(reply, "Allow") : NULL;
	if (methods) {
		reply_header(reply, "Access-Control-Allow-Methods", methods);
		reply_header(reply, "Access-Control-Allow-Headers", ALLOWED_HEADERS);
		reply_header(reply, "Access-Control-Max-Age", PREFLIGHT_SECONDS);
	} else {
		reply_header(reply, "Access-Control-Expose-Headers", EXPOSED_HEADERS);
	}
}
