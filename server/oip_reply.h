/* oip_reply.h - what the network said, in the words of the Open Inference Protocol. */
#ifndef SERVER_OIP_REPLY_H
#define SERVER_OIP_REPLY_H
#include "engine/cnn.h"
#include "server/oip_request.h"

struct oip_reply {
	char *text; /* from malloc() */
	size_t len;
	size_t json_len; /* how much of it is JSON, when bytes follow; else 0 */
};

/* scores is [n][classes]. CNN_BAD_ARG: JSON cannot say what they hold. */
enum cnn_status oip_reply_write(const struct cnn_model *model, const char *name,
                                const struct oip_request *request, const float *scores, size_t n,
                                struct oip_reply *out, struct cnn_error *err);
/* Version 1's {"predictions": [...]}. */
enum cnn_status oip_reply_write_v1(const struct cnn_model *model, const float *scores, size_t n,
                                   struct oip_reply *out, struct cnn_error *err);

#endif
