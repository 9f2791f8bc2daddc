#include "server/routes.h"
#include "tests/test.h"

static const char *value[ROUTE_MAX_SEGMENTS];
static struct arena *arena;

static const char *pattern_of(const char *path)
{
	const struct route *route;
	struct cnn_error err;
	if (!arena)
		arena = arena_new();
	enum cnn_status status = route_find(arena, path, &route, value, &err);
	return status != CNN_OK ? "bad" : route ? route->pattern : "none";
}

static void each_path_finds_its_route(void)
{
	CHECK_STR(pattern_of("/"), "/");
	CHECK_STR(pattern_of("/health"), "/health");
	CHECK_STR(pattern_of("/health/ready"), "/health/ready");
	CHECK_STR(pattern_of("/predict"), "/predict");
	CHECK_STR(pattern_of("/predict/cat.jpg"), "/predict/{filename}");
	CHECK_STR(value[0], "cat.jpg");
	CHECK_STR(pattern_of("/models/a%20b"), "/models/{model}");
	CHECK_STR(value[0], "a b");
	CHECK_STR(pattern_of("/models/m/layers"), "/models/{model}/layers");
	CHECK_STR(pattern_of("/models/m/layers/features%2F0"), "/models/{model}/layers/{layer}");
	CHECK_STR(value[0], "m");
	CHECK_STR(value[1], "features/0");
}

static void each_path_of_the_inference_protocol_finds_its_route(void)
{
	CHECK_STR(pattern_of("/v2"), "/v2");
	CHECK_STR(pattern_of("/v2/"), "/v2");
	CHECK_STR(pattern_of("/v2/models/stats"), "/v2/models/stats");
	CHECK_STR(pattern_of("/v2/models/m"), "/v2/models/{model}");
	CHECK_STR(pattern_of("/v2/models/m/versions/2/infer"),
	          "/v2/models/{model}/versions/{version}/infer");
	CHECK_STR(value[0], "m");
	CHECK_STR(value[1], "2");
	static const char *const predict[] = {"/v1/models/m:predict", "/v1/models/m%3Apredict",
	                                      "/v1/models/%6d%3apr%65dict/"};
	for (size_t i = 0; i < sizeof predict / sizeof predict[0]; i++) {
		CHECK_STR(pattern_of(predict[i]), "/v1/models/{model}:predict");
		CHECK_STR(value[0], "m");
	}
	CHECK_STR(pattern_of("/v1/models/a:b:predict"), "/v1/models/{model}:predict");
	CHECK_STR(value[0], "a:b");
	CHECK_STR(pattern_of("/v1/models/:predict"), "/v1/models/{model}");
	CHECK_STR(pattern_of("/v1/models/m:predic"), "/v1/models/{model}");
	CHECK_STR(pattern_of("/v1/models/m:predict%"), "bad");
	CHECK_STR(pattern_of("/v1/models/%"), "bad");
	CHECK_STR(pattern_of("/v1/models/%:predict"), "bad");
	CHECK_STR(pattern_of("/v1/models/m:predict/x"), "none");
}

static void its_errors_are_its_own(void)
{
	static const char *const own[] = {"/v2",        "/v2/",    "/v2/x/y",
	                                  "/v1/models", "/%762/x", "/v%31"};
	static const char *const others[] = {"/",        "/v", "/v22", "/v2x/y",
	                                     "/predict", "v2", "*",    "/x/v2"};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		CHECK(route_is_oip(own[i]));
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		CHECK(!route_is_oip(others[i]));
}

static void one_trailing_slash_is_allowed(void)
{
	CHECK_STR(pattern_of("/predict/"), "/predict");
	CHECK_STR(pattern_of("/models/m/"), "/models/{model}");
	CHECK_STR(pattern_of("/predict//"), "none");
}

static void other_paths_find_none(void)
{
	const char *const none[] = {
		"",          "health",         "/nope",          "/Health", "/healthy",
		"/models//", "/health/live/x", "/../etc/passwd", "*",       "/models/m/layers/a/b"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		CHECK_STR(pattern_of(none[i]), "none");
}

static void broken_escapes_are_refused(void)
{
	CHECK_STR(pattern_of("/models/%zz"), "bad");
	CHECK_STR(pattern_of("/models/%00"), "bad");
}

static void the_table_is_sound(void)
{
	for (size_t i = 0; i < n_routes; i++) {
		CHECK(routes[i].pattern[0] == '/');
		CHECK(routes[i].methods != 0);
		CHECK(routes[i].handle != NULL);
		CHECK_STR(route_labels[i], routes[i].pattern);
		CHECK_STR(pattern_of(routes[i].pattern), routes[i].pattern);
	}
	CHECK_STR(route_labels[n_routes], "(none)");
}

static void allow_lists_the_methods(void)
{
	char allow[48];
	route_allow(METHOD_GET, allow);
	CHECK_STR(allow, "GET, HEAD, OPTIONS");
	route_allow(METHOD_POST | METHOD_PUT, allow);
	CHECK_STR(allow, "POST, PUT, OPTIONS");
	route_allow(METHOD_GET | METHOD_POST | METHOD_PUT, allow);
	CHECK_STR(allow, "GET, HEAD, POST, PUT, OPTIONS");
}

TEST_MAIN({"each_path_finds_its_route", each_path_finds_its_route},
          {"each_path_of_the_inference_protocol_finds_its_route",
           each_path_of_the_inference_protocol_finds_its_route},
          {"its_errors_are_its_own", its_errors_are_its_own},
          {"one_trailing_slash_is_allowed", one_trailing_slash_is_allowed},
          {"other_paths_find_none", other_paths_find_none},
          {"broken_escapes_are_refused", broken_escapes_are_refused},
          {"the_table_is_sound", the_table_is_sound},
          {"allow_lists_the_methods", allow_lists_the_methods})
