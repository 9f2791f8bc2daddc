/* error_code.h - what a failure is called outside: the code of an error reply and its HTTP status. */
#ifndef SERVER_ERROR_CODE_H
#define SERVER_ERROR_CODE_H
#include "engine/base/status.h"

struct error_code {
	const char *code;     /* "image_corrupt" */
	unsigned http_status; /* 422 */
};

const struct error_code *error_code(enum cnn_status status);

#endif
