/* no_memory.h - the answer that is at hand when there is no memory to make one. */
#ifndef SERVER_NO_MEMORY_H
#define SERVER_NO_MEMORY_H
#include "engine/base/status.h"

#include <microhttpd.h>
#include <stdbool.h>

enum { NO_MEMORY_STATUS = 503 };

struct no_memory {
	struct MHD_Response *error, *oip; /* the two forms of an error, see struct reply */
};

enum cnn_status no_memory_init(struct no_memory *n, struct cnn_error *err);
/* Answer with it; the connection is closed then. */
enum MHD_Result no_memory_send(const struct no_memory *n, struct MHD_Connection *mhd, bool oip);
/* May be zeroed. */
void no_memory_clear(struct no_memory *n);

#endif
