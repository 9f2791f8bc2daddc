/* oip_batch.h - the items that a request asks to be inferred: its inputs, compared with the model. */
#ifndef SERVER_OIP_BATCH_H
#define SERVER_OIP_BATCH_H
#include "engine/cnn.h"
#include "server/oip_tensor.h"

/* n items: tensors one after another, or encoded pictures. */
struct oip_batch {
	size_t n;
	const uint8_t *tensor; /* NULL: pictures */
	size_t tensor_bytes;   /* of one item */
	struct oip_bytes *picture;
	void *owned; /* where the tensors lie, when that is not the body; from malloc() */
};

struct oip_body {
	uint8_t *bytes; /* what is read of it may be moved */
	size_t len;
	size_t json_len; /* how much of it is JSON */
	bool raw;        /* none of it: all is the one input */
};

/* What a request asks of a model, out of its body. `max`: items. CNN_BAD_ARG says what is wrong in one line. The batch
 * may refer to the body and the arena. The caller frees batch->owned, also after a failure. */
enum cnn_status oip_batch_read(const struct cnn_model *model, const struct oip_body *body,
                               size_t max, struct arena *arena, struct oip_request *request,
                               struct oip_batch *batch, struct cnn_error *err);
/* The same of version 1. */
enum cnn_status oip_batch_read_v1(const struct cnn_model *model, const struct oip_body *body,
                                  size_t max, struct arena *arena, struct oip_batch *batch,
                                  struct cnn_error *err);

#endif
