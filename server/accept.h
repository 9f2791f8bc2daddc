/* accept.h - which of several forms of an answer a client likes best. */
#ifndef SERVER_ACCEPT_H
#define SERVER_ACCEPT_H
#include <stddef.h>

/* Accept's text (NULL: not given) and the media types that there are: the number of the one with the highest quality,
 * the earlier of equals; `n` when none is acceptable. RFC 9110, 12.5.1. */
size_t accept_best(const char *accept, const char *const types[], size_t n);

#endif
