/* oip_request.h - an inference request of the Open Inference Protocol (version 2, or TensorFlow's version 1) as its
 * JSON says it, before it is compared with a model. */
#ifndef SERVER_OIP_REQUEST_H
#define SERVER_OIP_REQUEST_H
#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/types.h"

/* A part of the JSON text that is read later. */
struct oip_span {
	const char *text; /* NULL: not given */
	size_t len;
};

struct oip_input {
	const char *name, *datatype; /* NULL: not given */
	int32_t rank;                /* -1: no shape is given */
	int64_t dim[CNN_MAX_RANK];
	struct oip_span data;
	int64_t binary_size; /* of its part after the JSON; -1: not given */
};

struct oip_output {
	const char *name;
	bool binary, binary_given; /* after the JSON of the reply */
	int64_t classes;           /* the best so many, as text; 0: the tensor itself */
};

struct oip_request {
	const char *id;    /* NULL: not given */
	unsigned priority; /* 1, the first, to 9; 0: not given */
	int64_t timeout_us;
	bool binary; /* outputs that say nothing of it */
	struct oip_input *input;
	struct oip_output *output;
	size_t n_inputs, n_outputs; /* no output: all of them */
};

/* Read the JSON of a request. Names live in `arena`, data in the text. CNN_BAD_ARG says what is wrong with it. */
enum cnn_status oip_request_read(const char *json, size_t len, struct arena *arena,
                                 struct oip_request *out, struct cnn_error *err);

/* Version 1's {"instances": [...]}: the span of each, at most `max`. */
enum cnn_status oip_instances_read(const char *json, size_t len, size_t max, struct arena *arena,
                                   struct oip_span **out, size_t *n, struct cnn_error *err);

/* The request header Inference-Header-Content-Length. */
enum cnn_status oip_json_bytes(const char *text, size_t *out, struct cnn_error *err);

#endif
