/* accept.h - which form of an answer a client prefers (RFC 9110, section 12.5.1). */
#ifndef SERVER_ACCEPT_H
#define SERVER_ACCEPT_H
#include <stddef.h>

/* The index of the best of n types; of equal ones the first. `accept` may be NULL: the first. n: none of them. */
size_t accept_choose(const char *accept, const char *const type[], size_t n);

#endif
