/* activation.h - a listening socket that the supervisor has opened and hands over, as sd_listen_fds(3) says: a port
 * below 1024 needs no privileges then, and nobody is refused while the server starts anew. */
#ifndef SERVER_ACTIVATION_H
#define SERVER_ACTIVATION_H
#include "engine/base/status.h"

/* *fd: the socket, or -1 when the environment hands none to this process. An error: more than one, or what it hands over
 * is no listening TCP socket. */
enum cnn_status activation_socket(int *fd, struct cnn_error *err);

#endif
