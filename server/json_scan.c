#include "server/json_scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Longer ones are of no use to anybody. */
enum { MAX_NUMBER_CHARS = 400 };

void scan_init(struct json_scan *r, const char *text, size_t len, struct cnn_error *err)
{
	*r = (struct json_scan){.text = text, .at = text, .end = text + len, .err = err};
}

enum cnn_status scan_wrong(const struct json_scan *r, const char *what)
{
	return cnn_fail(r->err, CNN_BAD_ARG, "the JSON is malformed at byte %zu: %s",
	                (size_t)(r->at - r->text), what);
}

void scan_blanks(struct json_scan *r)
{
	while (r->at < r->end &&
	       (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
		r->at++;
}

static bool is_digit(const struct json_scan *r)
{
	return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

char scan_peek(struct json_scan *r)
{
	scan_blanks(r);
	if (r->at == r->end)
		return '\0';
	char c = *r->at;
	return c && (strchr("{[\"tfn-", c) || (c >= '0' && c <= '9')) ? c : '\0';
}

enum cnn_status scan_open(struct json_scan *r, char bracket)
{
	if (scan_peek(r) != bracket)
		return scan_wrong(r, bracket == '{' ? "an object is expected"
		                                    : "an array is expected");
	if (r->depth == SCAN_MAX_DEPTH)
		return scan_wrong(r, "it is nested too deep");
	r->depth++;
	r->at++;
	return CNN_OK;
}

bool scan_more(struct json_scan *r, char closing, bool *first, enum cnn_status *status)
{
	scan_blanks(r);
	if (r->at < r->end && *r->at == closing) {
		r->at++;
		r->depth--;
		return false;
	}
	if (!*first) {
		if (r->at == r->end || *r->at != ',') {
			*status = scan_wrong(r, closing == '}' ? "',' or '}' is expected"
			                                       : "',' or ']' is expected");
			return false;
		}
		r->at++;
	}
	*first = false;
	return true;
}

/* --- numbers and words ------------------------------------------------------- */

static bool take_word(struct json_scan *r, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
		return false;
	r->at += len;
	return true;
}

enum cnn_status scan_bool(struct json_scan *r, bool *out)
{
	scan_peek(r);
	*out = take_word(r, "true");
	if (*out || take_word(r, "false"))
		return CNN_OK;
	return scan_wrong(r, "true or false is expected");
}

/* A number's digits, of which those that fit are in `digits`: value = digits * 10^exponent, unless `cut`. */
struct decimal {
	uint64_t digits;
	int exponent;
	bool negative, whole, cut;
};

static void take_digits(struct json_scan *r, struct decimal *d, int per_digit)
{
	for (; is_digit(r); r->at++) {
		if (d->digits < UINT64_MAX / 10 - 1) {
			d->digits = d->digits * 10 + (uint64_t)(*r->at - '0');
			d->exponent += per_digit;
		} else {
			d->cut = true;
		}
	}
}

static enum cnn_status read_decimal(struct json_scan *r, struct decimal *d)
{
	*d = (struct decimal){.whole = true};
	scan_blanks(r);
	const char *begin = r->at;
	if (r->at < r->end && *r->at == '-') {
		d->negative = true;
		r->at++;
	}
	if (!is_digit(r))
		return scan_wrong(r, "a number is expected");
	if (*r->at == '0')
		r->at++;
	else
		take_digits(r, d, 0);
	if (is_digit(r))
		return scan_wrong(r, "a number begins with 0");
	if (r->at < r->end && *r->at == '.') {
		d->whole = false;
		r->at++;
		if (!is_digit(r))
			return scan_wrong(r, "a digit is expected");
		take_digits(r, d, -1);
	}
	if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
		d->whole = false;
		r->at++;
		bool minus = r->at < r->end && *r->at == '-';
		if (minus || (r->at < r->end && *r->at == '+'))
			r->at++;
		if (!is_digit(r))
			return scan_wrong(r, "a digit is expected");
		struct decimal e = {0};
		take_digits(r, &e, 0);
		int size = e.cut || e.digits > 9999 ? 9999 : (int)e.digits;
		d->exponent += minus ? -size : size;
	}
	if (r->at - begin > MAX_NUMBER_CHARS)
		return scan_wrong(r, "a number is too long");
	return CNN_OK;
}

enum cnn_status scan_integer(struct json_scan *r, int64_t *out)
{
	struct decimal d;
	enum cnn_status status = read_decimal(r, &d);
	if (status)
		return status;
	if (!d.whole || d.cut || d.digits > INT64_MAX)
		return scan_wrong(r, "a whole number of at most 63 bits is expected");
	*out = d.negative ? -(int64_t)d.digits : (int64_t)d.digits;
	return CNN_OK;
}

enum cnn_status scan_number(struct json_scan *r, double *out)
{
	static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
	                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	scan_blanks(r);
	const char *begin = r->at;
	struct decimal d;
	enum cnn_status status = read_decimal(r, &d);
	if (status)
		return status;
	if (!d.cut && d.digits < (uint64_t)1 << 53 && d.exponent >= -22 && d.exponent <= 22) {
		/* Both operands are exact, so the result is rounded once. */
		double value = (double)d.digits;
		value = d.exponent < 0 ? value / powers[-d.exponent] : value * powers[d.exponent];
		*out = d.negative ? -value : value;
		return CNN_OK;
	}
	char text[MAX_NUMBER_CHARS + 1];
	size_t len = (size_t)(r->at - begin);
	memcpy(text, begin, len);
	text[len] = '\0';
	*out = strtod(text, NULL);
	return isfinite(*out) ? CNN_OK : scan_wrong(r, "a number is out of range");
}

static enum cnn_status skip_members(struct json_scan *r, char bracket)
{
	bool first = true;
	char closing = bracket == '{' ? '}' : ']', key[SCAN_MAX_KEY];
	enum cnn_status status = scan_open(r, bracket);
	while (!status && scan_more(r, closing, &first, &status)) {
		if (bracket == '{')
			status = scan_key(r, key);
		if (!status)
			status = scan_skip(r);
	}
	return status;
}

enum cnn_status scan_skip(struct json_scan *r)
{
	char c = scan_peek(r), *none = NULL;
	bool value;
	struct decimal d;
	switch (c) {
	case '{':
	case '[':
		return skip_members(r, c);
	case '"':
		return scan_text(r, &none);
	case 't':
	case 'f':
		return scan_bool(r, &value);
	case 'n':
		return take_word(r, "null") ? CNN_OK : scan_wrong(r, "null is expected");
	case '\0':
		return scan_wrong(r, "a value is expected");
	default:
		return read_decimal(r, &d);
	}
}

enum cnn_status scan_end(struct json_scan *r)
{
	scan_blanks(r);
	return r->at == r->end ? CNN_OK : scan_wrong(r, "something follows the end");
}
