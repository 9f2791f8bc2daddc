#include "server/api.h"
#include "server/request.h"

/* The files are part of the program. */
#define EMBED(symbol, path)                                                                   \
	__asm__(".pushsection .rodata\n"                                                      \
	        ".global " #symbol "\n.global " #symbol "_end\n" #symbol ":\n.incbin \"" path \
	        "\"\n" #symbol "_end:\n.byte 0\n"                                             \
	        ".popsection\n");                                                             \
	extern const char symbol[], symbol##_end[]

EMBED(web_index_html, "server/web/index.html");
EMBED(web_openapi_json, "server/web/openapi.json");

static const char *const no_parameters[] = {NULL};

void api_web_page(struct request *r)
{
	reply_static(&r->reply, 200, "text/html; charset=utf-8", web_index_html,
	             (size_t)(web_index_html_end - web_index_html));
	r->reply.cache_control = "no-cache";
	reply_header(&r->reply, "Content-Security-Policy",
	             "default-src 'none'; connect-src 'self'; img-src 'self' blob: data:; "
	             "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; "
	             "form-action 'none'; frame-ancestors 'none'");
	reply_header(&r->reply, "X-Content-Type-Options", "nosniff");
}

void api_web_openapi(struct request *r)
{
	if (!request_query_only(r, no_parameters))
		return;
	reply_static(&r->reply, 200, "application/json", web_openapi_json,
	             (size_t)(web_openapi_json_end - web_openapi_json));
	r->reply.cache_control = "no-cache";
}
