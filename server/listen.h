/* listen.h - the listening socket, and the limit on open files that goes with it. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H
#include "engine/base/status.h"
#include "engine/base/types.h"

#include <sys/socket.h>

struct listener {
	int fd;
	unsigned port;
	bool own;      /* no other process listens at it */
	char url[300]; /* "http://127.0.0.1:8080", an IPv6 address in brackets */
};

/* Listen on host:port; the host is a name or an address, "::1" or "[::1]" too, and port 0 picks a free one. The scheme begins the URL.
 * The errors name host, port and the system's reason. */
enum cnn_status listen_open(const char *scheme, const char *host, unsigned port,
                            struct listener *out, struct cnn_error *err);

/* The same of a socket that listens already. It stays open when this fails. */
enum cnn_status listen_adopt(const char *scheme, int fd, struct listener *out,
                             struct cnn_error *err);

/* Close a listening socket without losing anyone: who has begun to connect counts on an answer. Each of them is handed to
 * take(), which owns `client`. `own`: as of the listener; takes some milliseconds. */
void listen_close(int fd, bool own,
                  void (*take)(void *ctx, int client, const struct sockaddr *from, socklen_t size),
                  void *ctx);

/* Write the port's number and a line end, so that a reader never sees half of it. */
enum cnn_status listen_write_port(const char *path, unsigned port, struct cnn_error *err);

/* Raise the soft limit on open files to the hard one. Returns how many connections fit beside the server's
 * own files, at most `wanted`. */
unsigned listen_connection_limit(unsigned wanted);

#endif
