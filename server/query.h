/* query.h - percent-encoding and the parameters after the '?'. */
#ifndef SERVER_QUERY_H
#define SERVER_QUERY_H
#include "engine/base/arena.h"
#include "engine/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct query {
	struct query_param {
		const char *name, *value; /* decoded, never NULL */
	} * param;
	size_t n;
};

/* The byte that "%XX" at text stands for; -1 when the escape is broken. */
int percent_byte(const char *text, size_t len);
/* Decode %XX (and '+' as a space when `form`). NULL with *err filled: CNN_BAD_ARG for a broken escape, for %00 and for
 * other control characters, CNN_NO_MEMORY. The result lives in the arena. */
char *percent_decode(struct arena *arena, const char *text, size_t len, bool form,
                     struct cnn_error *err);

/* "a=1&b=2". A parameter given twice is an error. `text` may be NULL. */
enum cnn_status query_parse(struct arena *arena, const char *text, struct query *out,
                            struct cnn_error *err);
const char *query_get(const struct query *query, const char *name); /* NULL: not given */
/* Every parameter must be one of `known`, which ends with NULL. */
enum cnn_status query_only(const struct query *query, const char *const known[],
                           struct cnn_error *err);

/* A decimal number of digits only, min..max. The error names `name`, the value and the range. */
enum cnn_status parse_number(const char *name, const char *text, uint64_t min, uint64_t max,
                             uint64_t *out, struct cnn_error *err);

#endif
