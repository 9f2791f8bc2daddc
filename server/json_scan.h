/* json_scan.h - JSON read value by value, without a tree of it in memory.
 *
 * A tensor written as JSON is millions of numbers; as objects of a library they would take twenty times the text's
 * memory. The reader checks all that it passes: RFC 8259, UTF-8, and a limit on depth. */
#ifndef SERVER_JSON_SCAN_H
#define SERVER_JSON_SCAN_H
#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/types.h"

enum { SCAN_MAX_DEPTH = 32, SCAN_MAX_KEY = 64 };

struct json_scan {
	const char *text, *at, *end;
	unsigned depth;
	struct cnn_error *err; /* CNN_BAD_ARG says where, CNN_NO_MEMORY */
};

void scan_init(struct json_scan *r, const char *text, size_t len, struct cnn_error *err);

/* The first character of the next value: one of { [ " t f n - 0..9; '\0' at the end and for anything else. */
char scan_peek(struct json_scan *r);

/* Walk an object or an array:
 *	status = scan_open(r, '{');
 *	while (!status && scan_more(r, '}', &first, &status)) { status = scan_key(...); ... the value ... } */
enum cnn_status scan_open(struct json_scan *r, char bracket);
bool scan_more(struct json_scan *r, char closing, bool *first, enum cnn_status *status);
/* A member's name, decoded; "" when it does not fit. */
enum cnn_status scan_key(struct json_scan *r, char out[SCAN_MAX_KEY]);

/* A string, decoded, without a NUL in it; *len may be NULL. */
enum cnn_status scan_string(struct json_scan *r, struct arena *arena, const char **out,
                            size_t *len);
enum cnn_status scan_bool(struct json_scan *r, bool *out);
/* A whole number, written as one. */
enum cnn_status scan_integer(struct json_scan *r, int64_t *out);
/* A finite number. */
enum cnn_status scan_number(struct json_scan *r, double *out);
enum cnn_status scan_skip(struct json_scan *r);
/* Nothing but blanks may follow. */
enum cnn_status scan_end(struct json_scan *r);

/* For the parts of the scanner: an error that says where; over blanks; over a string, whose text goes to *to, unless
 * that is NULL, and moves it on. */
enum cnn_status scan_wrong(const struct json_scan *r, const char *what);
void scan_blanks(struct json_scan *r);
enum cnn_status scan_text(struct json_scan *r, char **to);

#endif
