/* fuzz_query.c - any bytes as what stands behind the '?' of a request. */
#include "server/query.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct arena *arena = arena_new();
	struct query q;
	struct cnn_error err = {0};
	uint64_t number;
	char *text = malloc(len + 1);
	check(arena && text);
	memcpy(text, bytes, len);
	text[len] = '\0';
	enum cnn_status status = query_parse(arena, text, &q, &err);
	if (status)
		check_refusal(status, &err);
	for (size_t i = 0; !status && i < q.n; i++) {
		check(query_get(&q, q.param[i].name) == q.param[i].value);
		if (parse_number("top", q.param[i].value, 1, 1000, &number, &err) == CNN_OK)
			check(number >= 1 && number <= 1000);
	}
	free(text);
	arena_free(arena);
	return 0;
}
