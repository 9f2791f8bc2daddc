/* kinds.h - what soak_load sends, as mix.py writes it to a file.
 *
 * A kind is a line, and after it the bytes that go over the wire, what every answer's body must contain, and a line
 * end:
 *
 *	NAME WEIGHT ANSWERS STATUS[,STATUS...] FLAGS CUT LEAVE LENGTH CONTAINED_LENGTH
 *
 * FLAGS is '-' or letters: h: answers to HEAD, without bodies; f: on a connection of its own; s: the client's side
 * is shut once all is sent; r: the connection is reset, not closed. CUT: close after so many bytes of the request,
 * -1: send all. LEAVE: close after so many bytes of the answer, -1: read all. */
#ifndef TESTS_SOAK_KINDS_H
#define TESTS_SOAK_KINDS_H
#include <stdbool.h>
#include <stddef.h>

enum { MAX_STATUSES = 8, STATUS_CODES = 600 };

struct kind {
	char name[64];
	double weight;
	unsigned answers;
	int status[MAX_STATUSES]; /* 0: closed without an answer */
	size_t n_statuses;
	bool head, fresh, shut, reset;
	long cut, leave;
	char *bytes, *contained;
	size_t len, contained_len;

	size_t sent, seen[STATUS_CODES], wrong;
};

struct kind_list {
	struct kind *kind;
	size_t n;
	double weight; /* of all */
};

/* false: the file cannot be read or is malformed. */
bool kinds_read(struct kind_list *list, const char *path);
void kinds_free(struct kind_list *list);
bool kind_allows(const struct kind *kind, int status);

#endif
