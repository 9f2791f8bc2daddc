#include "engine/base/version.h"
#include "server/api.h"
#include "server/request.h"

#include <string.h>

/* The files are part of the program, as they are and compressed. web_files.h lists those of server/web, with the
 * digest of each. */
#define EMBED(symbol, path)                                                                   \
	__asm__(".pushsection .rodata\n"                                                      \
	        ".global " #symbol "\n.global " #symbol "_end\n" #symbol ":\n.incbin \"" path \
	        "\"\n" #symbol "_end:\n.byte 0\n"                                             \
	        ".popsection\n");                                                             \
	extern const char symbol[], symbol##_end[];
#define WEB_FILE(symbol, name, compressed, digest) \
	EMBED(symbol, "server/web/" name)          \
	EMBED(symbol##_gz, compressed)
#include "web_files.h"
#undef WEB_FILE

struct web_file {
	const char *name, *etag, *bytes, *end, *gz, *gz_end;
};

static const struct web_file files[] = {
#define WEB_FILE(symbol, name, compressed, digest) \
	{name, "\"" digest "\"", symbol, symbol##_end, symbol##_gz, symbol##_gz_end},
#include "web_files.h"
#undef WEB_FILE
};

static const char *const no_parameters[] = {NULL};

static const struct web_file *find(const char *name)
{
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	}
	return NULL;
}

/* By the name's end; those of NULL are no files of /web. */
static const char *type_of(const char *name)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {{".js", "text/javascript; charset=utf-8"},
	             {".css", "text/css; charset=utf-8"},
	             {".svg", "image/svg+xml"},
	             {".jpg", "image/jpeg"}};
	const char *suffix = strrchr(name, '.');
	for (size_t i = 0; suffix && i < sizeof types / sizeof types[0]; i++) {
		if (strcmp(types[i].suffix, suffix) == 0)
			return types[i].type;
	}
	return NULL;
}

/* Compressed for who takes that, where it is shorter; or 304, when the browser has it. The tag is a weak one: it is
 * the same for both forms. */
static void reply_file(struct request *r, const struct web_file *file, const char *type)
{
	const char *has = r->if_none_match;
	size_t len = (size_t)(file->end - file->bytes), gz_len = (size_t)(file->gz_end - file->gz);
	bool compressed = r->takes_gzip && gz_len < len * 9 / 10;
	if (has && (strcmp(has, "*") == 0 || strstr(has, file->etag)))
		reply_static(&r->reply, 304, NULL, "", 0);
	else if (compressed)
		reply_static(&r->reply, 200, type, file->gz, gz_len);
	else
		reply_static(&r->reply, 200, type, file->bytes, len);
	r->reply.cache_control = "no-cache";
	reply_header(&r->reply, "ETag", arena_printf(r->arena, "W/%s", file->etag));
	reply_header(&r->reply, "Vary", "Accept-Encoding");
	reply_header(&r->reply, "X-Content-Type-Options", "nosniff");
	if (compressed && r->reply.status == 200)
		reply_header(&r->reply, "Content-Encoding", "gzip");
}

/* A page runs scripts of this server only, and sends nothing elsewhere. */
static void reply_page(struct request *r, const char *name)
{
	reply_file(r, find(name), "text/html; charset=utf-8");
	reply_header(&r->reply, "Content-Security-Policy",
	             "default-src 'none'; connect-src 'self'; img-src 'self' blob: data:; "
	             "style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; "
	             "frame-ancestors 'none'");
	reply_header(&r->reply, "Referrer-Policy", "no-referrer");
}

void api_web_page(struct request *r)
{
	reply_page(r, "index.html");
}

/* The page's addresses are relative, for proxies that put the server into a folder: they go by /docs, not /docs/. */
void api_web_docs(struct request *r)
{
	if (r->path[strlen(r->path) - 1] == '/') {
		reply_static(&r->reply, 308, NULL, "", 0);
		reply_header(&r->reply, "Location", "../docs");
		return;
	}
	reply_page(r, "docs.html");
}

void api_web_file(struct request *r)
{
	const struct web_file *file = find(r->value[0]);
	const char *type = type_of(r->value[0]);
	if (file && type)
		reply_file(r, file, type);
	else
		reply_error(&r->reply, 404, "not_found", "no file of the web page has this name");
}

/* What the page must know before it asks for anything that may be refused. */
void api_web_server(struct request *r)
{
	if (!request_query_only(r, no_parameters))
		return;
	reply_json(&r->reply, 200,
	           json_pack("{s:s, s:b, s:b}", "version", convd_version, "key_needed",
	                     r->server->keys != NULL, "views", r->server->views != NULL));
}

void api_web_openapi(struct request *r)
{
	if (!request_query_only(r, no_parameters))
		return;
	reply_file(r, find("openapi.json"), "application/json");
}
