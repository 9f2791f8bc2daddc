/* exchange.h - one connection on which kinds of requests are played and their answers judged. Never blocks. */
#ifndef TESTS_SOAK_EXCHANGE_H
#define TESTS_SOAK_EXCHANGE_H
#include "tests/soak/kinds.h"

#include <netinet/in.h>
#include <stdint.h>

enum { ANSWER_BYTES = 1 << 18 };

struct exchange {
	int fd;            /* -1: not connected */
	struct kind *kind; /* NULL: idle */
	size_t sent;
	unsigned answered;
	uint64_t since_ns;
	bool good; /* nothing wrong yet */

	/* Of the answer that is coming in: its beginning, as much as fits. */
	char *answer;
	size_t kept, received, total; /* total: header and body, 0: not known yet */
	size_t ever;                  /* bytes of all answers */
	int status;
	bool last; /* the server closes after it */
};

bool exchange_init(struct exchange *x);
/* Begin to play a kind, on a new connection when there is none or the kind wants one. false: no socket. */
bool exchange_begin(struct exchange *x, const struct sockaddr_in *server, struct kind *kind);
/* The socket is ready. true: it is over, x->kind counted it, x->good says whether all was as it should. */
bool exchange_go_on(struct exchange *x);
bool exchange_wants_write(const struct exchange *x);
/* What is still open is given up and counts as wrong. */
void exchange_give_up(struct exchange *x);
void exchange_close(struct exchange *x);

#endif
