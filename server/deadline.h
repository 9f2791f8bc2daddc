/* deadline.h - what happens to connections that are late. */
#ifndef SERVER_DEADLINE_H
#define SERVER_DEADLINE_H
#include "server/connection.h"
#include "server/context.h"

struct deadline_check {
	uint64_t now_ns;
	bool idle_too; /* whether an idle connection has begun costs a system call: looked at less often */
	bool close_idle; /* those that have not begun are closed whatever their time */
};

/* End a connection whose request or client is over its time, and give up work that nobody waits for. */
void deadline_check(struct server *server, struct connection *c,
                    const struct deadline_check *check);
/* Answer a request of which a part is missing, and end its connection. */
void deadline_refuse(struct server *server, struct connection *c, unsigned status, const char *code,
                     const char *message);

#endif
