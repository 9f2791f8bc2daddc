/* status.h - error codes and the one way to report an error.
 *
 * Every function that can fail returns enum cnn_status (0 is success) and takes
 * a struct cnn_error * as its last argument. The engine never prints and never
 * exits: it is a library inside a server. */
#ifndef ENGINE_BASE_STATUS_H
#define ENGINE_BASE_STATUS_H
#include <stddef.h>

/* name, text: expanded into the enum, cnn_status_name() and the unit test. */
#define CNN_STATUS_LIST(X)                               \
	X(OK, "success")                                 \
	X(NO_MEMORY, "out of memory")                    \
	X(IO, "cannot read or write file")               \
	X(BAD_ARG, "invalid argument")                   \
	X(NOT_IMAGE, "not a picture this program reads") \
	X(BAD_IMAGE, "picture is broken")                \
	X(IMAGE_TOO_LARGE, "picture is over the limits") \
	X(BAD_MODEL, "model is malformed")               \
	X(UNSUPPORTED, "operator or attribute unsupported")

enum cnn_status {
#define X(name, text) CNN_##name,
	CNN_STATUS_LIST(X)
#undef X
};

/* Filled only on failure. `text` is one line without a full stop and names the
 * subject: "node 'conv2d_4': group 3 does not divide 64 channels". */
struct cnn_error {
	enum cnn_status code;
	char text[512];
};

const char *cnn_status_name(enum cnn_status code);

/* Fill *err (may be NULL) and return code, so that a failure is one line:
 *	return cnn_fail(err, CNN_BAD_MODEL, "node '%s': no input", name);
 * Control characters that reach the text from a file are replaced by '?'. */
enum cnn_status cnn_fail(struct cnn_error *err, enum cnn_status code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The failure everyone shares: "out of memory for <what> (<bytes> bytes)". */
enum cnn_status cnn_fail_memory(struct cnn_error *err, const char *what, size_t bytes);

#endif
