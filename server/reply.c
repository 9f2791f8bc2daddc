#include "server/reply.h"
#include "engine/base/json_text.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char out_of_memory[] =
	"{\"error\":{\"code\":\"out_of_memory\",\"message\":\"out of memory for this answer\"}}\n";
static const char out_of_memory_oip[] = "{\"error\":\"out of memory for this answer\"}\n";

void reply_clear(struct reply *reply)
{
	free(reply->owned);
	*reply = (struct reply){.oip = reply->oip};
}

/* A new body; headers that are set already stay. */
static void set_body(struct reply *reply, unsigned status, const char *content_type,
                     const char *body, size_t len, char *owned)
{
	free(reply->owned);
	reply->status = status;
	reply->content_type = content_type;
	reply->cache_control = "no-store";
	reply->body = body;
	reply->len = len;
	reply->owned = owned;
}

void reply_static(struct reply *reply, unsigned status, const char *content_type, const char *body,
                  size_t len)
{
	set_body(reply, status, content_type, body, len, NULL);
}

void reply_text(struct reply *reply, unsigned status, const char *content_type, char *text,
                size_t len)
{
	if (text)
		set_body(reply, status, content_type, text, len, text);
	else if (reply->oip)
		set_body(reply, 503, "application/json", out_of_memory_oip,
		         sizeof out_of_memory_oip - 1, NULL);
	else
		set_body(reply, 503, "application/json", out_of_memory, sizeof out_of_memory - 1,
		         NULL);
}

void reply_json(struct reply *reply, unsigned status, json_t *json)
{
	char *text = json_text(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(json);
	reply_text(reply, status, "application/json", text, text ? strlen(text) : 0);
}

json_t *reply_error_json(const char *code, const char *message)
{
	json_t *json = json_pack("{s:s, s:s}", "code", code, "message", message);
	if (json)
		return json;
	/* The message quotes something that is not UTF-8: keep its ASCII. */
	char *ascii = strdup(message);
	if (!ascii)
		return NULL;
	for (char *p = ascii; *p; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	json = json_pack("{s:s, s:s}", "code", code, "message", ascii);
	free(ascii);
	return json;
}

static json_t *message_only(json_t *error)
{
	json_t *message = json_incref(json_object_get(error, "message"));
	json_decref(error);
	return message;
}

void reply_error(struct reply *reply, unsigned status, const char *code, const char *fmt, ...)
{
	char message[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	json_t *error = reply_error_json(code, message);
	if (error && reply->oip)
		error = message_only(error);
	reply_json(reply, status, json_pack("{s:o}", "error", error));
}

void reply_header(struct reply *reply, const char *name, const char *value)
{
	if (value && reply->n_headers < REPLY_MAX_HEADERS)
		reply->header[reply->n_headers++] = (struct reply_header){name, value};
}

bool reply_has_header(const struct reply *reply, const char *name)
{
	for (size_t i = 0; i < reply->n_headers; i++) {
		if (strcmp(reply->header[i].name, name) == 0)
			return true;
	}
	return false;
}

char *reply_wire(const struct reply *reply, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	if (!out)
		return NULL;
	fprintf(out, "HTTP/1.1 %u %s\r\nConnection: close\r\n", reply->status,
	        MHD_get_reason_phrase_for(reply->status));
	fprintf(out, "Content-Type: %s\r\nCache-Control: %s\r\nContent-Length: %zu\r\n",
	        reply->content_type, reply->cache_control, reply->len);
	for (size_t i = 0; i < reply->n_headers; i++)
		fprintf(out, "%s: %s\r\n", reply->header[i].name, reply->header[i].value);
	fputs("\r\n", out);
	fwrite(reply->body, 1, reply->len, out);
	bool failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
