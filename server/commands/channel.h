/* channel.h - a client's connection with a deadline, plain or TLS. */
#ifndef SERVER_COMMANDS_CHANNEL_H
#define SERVER_COMMANDS_CHANNEL_H
#include "engine/base/status.h"
#include "engine/base/types.h"

struct channel;

/* Whom to trust: the system's authorities, those of the file `ca`, or anyone. */
struct channel_trust {
	bool anyone;
	const char *ca; /* PEM; may be NULL */
};

/* Connect within `ms`, which also bounds everything that follows. `trust` NULL: without TLS. The errors name the
 * reason, not the host. */
enum cnn_status channel_open(const char *host, const char *port, const struct channel_trust *trust,
                             int64_t ms, struct channel **out, struct cnn_error *err);
void channel_close(struct channel *channel); /* NULL-safe */

enum cnn_status channel_send(struct channel *channel, const char *bytes, size_t len,
                             struct cnn_error *err);
/* At least one byte, or *got = 0 at the end. */
enum cnn_status channel_receive(struct channel *channel, char *bytes, size_t size, size_t *got,
                                struct cnn_error *err);

#endif
