#include "server/routes.h"
#include "server/api.h"
#include "server/query.h"

#include <string.h>

/* methods, pattern, takes a body, begin, handle */
#define ROUTE_LIST(X)                                                                             \
	X(METHOD_GET, "/", false, NULL, api_web_page)                                             \
	X(METHOD_GET, "/docs", false, NULL, api_web_docs)                                         \
	X(METHOD_GET, "/web/server.json", false, NULL, api_web_server)                            \
	X(METHOD_GET, "/web/{file}", false, NULL, api_web_file)                                   \
	X(METHOD_GET, "/openapi.json", false, NULL, api_web_openapi)                              \
	X(METHOD_GET, "/health", false, NULL, api_health)                                         \
	X(METHOD_GET, "/health/live", false, NULL, api_health_live)                               \
	X(METHOD_GET, "/health/ready", false, NULL, api_health)                                   \
	X(METHOD_GET, "/metrics", false, NULL, api_metrics)                                       \
	X(METHOD_GET, "/debug/trace", false, NULL, api_debug_trace)                               \
	X(METHOD_GET, "/models", false, NULL, api_models)                                         \
	X(METHOD_GET, "/models/{model}", false, NULL, api_model)                                  \
	X(METHOD_GET, "/models/{model}/layers", false, NULL, api_model_layers)                    \
	X(METHOD_GET, "/models/{model}/layers/{layer}", false, NULL, api_model_layer)             \
	X(METHOD_GET, "/models/{model}/layers/{layer}/filters", false, NULL, api_filters)         \
	X(METHOD_GET, "/models/{model}/layers/{layer}/filters.png", false, NULL, api_filters)     \
	X(METHOD_POST | METHOD_PUT, "/models/{model}/layers/{layer}/activations", true,           \
	  api_view_begin, api_activations)                                                        \
	X(METHOD_POST | METHOD_PUT, "/models/{model}/input", true, api_view_begin, api_input)     \
	X(METHOD_POST | METHOD_PUT, "/models/{model}/strip", true, api_view_begin, api_strip)     \
	X(METHOD_POST | METHOD_PUT, "/models/{model}/explain", true, api_view_begin, api_explain) \
	X(METHOD_POST, "/v2/repository/index", true, NULL, api_repository_index)                  \
	X(METHOD_POST, "/v2/repository/models/{model}/load", true, NULL, api_repository_load)     \
	X(METHOD_POST, "/v2/repository/models/{model}/unload", true, NULL, api_repository_unload) \
	X(METHOD_POST | METHOD_PUT, "/predict", true, api_predict_begin, api_predict)             \
	X(METHOD_POST | METHOD_PUT, "/predict/{filename}", true, api_predict_begin, api_predict)  \
	X(METHOD_GET, "/v2", false, NULL, api_v2_server)                                          \
	X(METHOD_GET, "/v2/health/live", false, NULL, api_v2_live)                                \
	X(METHOD_GET, "/v2/health/ready", false, NULL, api_v2_ready)                              \
	X(METHOD_GET, "/v2/models", false, NULL, api_v2_models)                                   \
	X(METHOD_GET, "/v2/models/stats", false, NULL, api_v2_stats)                              \
	X(METHOD_GET, "/v2/models/{model}", false, NULL, api_v2_model)                            \
	X(METHOD_GET, "/v2/models/{model}/ready", false, NULL, api_v2_model_ready)                \
	X(METHOD_GET, "/v2/models/{model}/config", false, NULL, api_v2_model_config)              \
	X(METHOD_GET, "/v2/models/{model}/stats", false, NULL, api_v2_model_stats)                \
	X(METHOD_POST, "/v2/models/{model}/infer", true, api_infer_begin, api_v2_infer)           \
	X(METHOD_GET, "/v2/models/{model}/versions/{version}", false, NULL, api_v2_model)         \
	X(METHOD_GET, "/v2/models/{model}/versions/{version}/ready", false, NULL,                 \
	  api_v2_model_ready)                                                                     \
	X(METHOD_GET, "/v2/models/{model}/versions/{version}/config", false, NULL,                \
	  api_v2_model_config)                                                                    \
	X(METHOD_GET, "/v2/models/{model}/versions/{version}/stats", false, NULL,                 \
	  api_v2_model_stats)                                                                     \
	X(METHOD_POST, "/v2/models/{model}/versions/{version}/infer", true, api_infer_begin,      \
	  api_v2_infer)                                                                           \
	X(METHOD_GET, "/v1/models", false, NULL, api_v2_models)                                   \
	X(METHOD_POST, "/v1/models/{model}:predict", true, api_infer_begin, api_v1_predict)       \
	X(METHOD_GET, "/v1/models/{model}", false, NULL, api_v2_model_ready)

const struct route routes[] = {
#define X(methods, pattern, takes_body, begin, handle) \
	{methods, pattern, takes_body, begin, handle},
	ROUTE_LIST(X)
#undef X
};
const size_t n_routes = sizeof routes / sizeof routes[0];

const char *const route_labels[] = {
#define X(methods, pattern, takes_body, begin, handle) pattern,
	ROUTE_LIST(X)
#undef X
		"(none)",
};

/* Does a segment of the path, of `len` bytes, stand for `want`? Escapes mean what they stand for. */
static bool same_segment(const char *want, size_t want_len, const char *path, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++, n++) {
		int c = (unsigned char)path[i];
		if (c == '%') {
			c = percent_byte(path + i, len - i);
			i += 2;
		}
		if (n >= want_len || c != (unsigned char)want[n])
			return false;
	}
	return n == want_len;
}

/* The decoded segment must end with what follows the pattern's {x}, and {x} must not be empty. */
static bool ends_like(const char *pattern, size_t want, const char *path, size_t have)
{
	const char *suffix = memchr(pattern, '}', want);
	size_t len = (size_t)(pattern + want - suffix) - 1, decoded = 0, at = 0;
	for (size_t i = 0; i < have; decoded++)
		i += path[i] == '%' ? 3 : 1;
	if (decoded <= len)
		return false;
	for (size_t i = 0; i < decoded - len; i++)
		at += path[at] == '%' ? 3 : 1;
	return len == 0 || (at < have && same_segment(suffix + 1, len, path + at, have - at));
}

/* Compare segment by segment. A trailing slash of the path does not matter. */
static bool matches(const char *pattern, const char *path)
{
	if (path[0] == '/' && path[1] == '/')
		return false;
	while (*pattern == '/' && *path == '/') {
		pattern++;
		path++;
		size_t want = strcspn(pattern, "/"), have = strcspn(path, "/");
		if (*pattern == '{' ? !ends_like(pattern, want, path, have)
		                    : !same_segment(pattern, want, path, have))
			return false;
		pattern += want;
		path += have;
	}
	return *pattern == '\0' && (*path == '\0' || strcmp(path, "/") == 0);
}

static enum cnn_status decode_values(struct arena *arena, const char *pattern, const char *path,
                                     const char *value[ROUTE_MAX_SEGMENTS], struct cnn_error *err)
{
	size_t n = 0;
	while (*pattern == '/') {
		pattern++;
		path++;
		size_t want = strcspn(pattern, "/"), have = strcspn(path, "/");
		if (*pattern == '{') {
			char *text = percent_decode(arena, path, have, false, err);
			if (!text)
				return err->code;
			/* without what follows {x} */
			const char *close = memchr(pattern, '}', want);
			text[strlen(text) - (size_t)(pattern + want - close - 1)] = '\0';
			value[n++] = text;
		}
		pattern += want;
		path += have;
	}
	return CNN_OK;
}

enum cnn_status route_find(struct arena *arena, const char *path, const struct route **out,
                           const char *value[ROUTE_MAX_SEGMENTS], struct cnn_error *err)
{
	*out = NULL;
	for (size_t i = 0; i < n_routes; i++) {
		if (!matches(routes[i].pattern, path))
			continue;
		enum cnn_status status = decode_values(arena, routes[i].pattern, path, value, err);
		if (status == CNN_OK)
			*out = &routes[i];
		return status;
	}
	return CNN_OK;
}

bool route_is_oip(const char *path)
{
	if (*path != '/')
		return false;
	size_t len = strcspn(++path, "/?");
	return same_segment("v2", 2, path, len) || same_segment("v1", 2, path, len);
}

void route_allow(unsigned methods, char out[48])
{
	out[0] = '\0';
	if (methods & METHOD_GET)
		strcat(out, "GET, HEAD, ");
	if (methods & METHOD_POST)
		strcat(out, "POST, ");
	if (methods & METHOD_PUT)
		strcat(out, "PUT, ");
	strcat(out, "OPTIONS");
}
