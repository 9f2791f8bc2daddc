/* multipart.h - the parts of a multipart/form-data body (RFC 7578), without copying it. */
#ifndef SERVER_MULTIPART_H
#define SERVER_MULTIPART_H
#include "engine/base/status.h"
#include "engine/base/types.h"

struct multipart_part {
	char name[64];     /* of the form's field, cut when longer; "" when none was given */
	bool has_filename; /* a filename parameter, even an empty one */
	bool empty_filename;
	bool is_image; /* its Content-Type is image/... or application/octet-stream */
	const uint8_t *bytes;
	size_t len;
};

/* Whether a Content-Type header (may be NULL) says multipart/form-data. */
bool multipart_is(const char *content_type);

/* Read the boundary, 1..70 characters as RFC 2046 allows. CNN_BAD_ARG when there is none. */
enum cnn_status multipart_boundary(const char *content_type, char boundary[71],
                                   struct cnn_error *err);

/* The next part at *offset (0 for the first). *found is false after the last one. CNN_BAD_ARG names what is
 * malformed: a body without its closing boundary was cut on the way and is refused. */
enum cnn_status multipart_next(const uint8_t *body, size_t len, const char *boundary,
                               size_t *offset, struct multipart_part *out, bool *found,
                               struct cnn_error *err);

#endif
