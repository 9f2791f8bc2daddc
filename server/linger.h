/* linger.h - connections that are closed while the client still sends.
 *
 * Closing a socket with unread data makes the kernel send a reset, and the client may lose the answer that
 * refused its upload. So what still arrives is read and dropped for a moment, until the client has seen the
 * answer and closes too. */
#ifndef SERVER_LINGER_H
#define SERVER_LINGER_H
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct lingering;
struct lingering_list {
	uv_loop_t *loop;
	struct lingering *first;
	size_t n;
};

/* Keep a duplicate of `fd`, whose sending side is shut down, until the client closes, or for 5
 * seconds. Does nothing when too many linger already or memory runs out. */
void linger_start(struct lingering_list *list, int fd);
/* Close those whose time is over; all of them when `all`. */
void linger_sweep(struct lingering_list *list, bool all);

#endif
