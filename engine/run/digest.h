/* digest.h - a file's SHA-256 (FIPS 180-4), computed beside other work on the same bytes. */
#ifndef ENGINE_RUN_DIGEST_H
#define ENGINE_RUN_DIGEST_H
#include "engine/base/types.h"

#include <pthread.h>

enum { DIGEST_TEXT_BYTES = 65 };

struct digest {
	const uint8_t *bytes;
	size_t len;
	pthread_t thread;
	bool threaded;
	char text[DIGEST_TEXT_BYTES];
};

/* `bytes` stay as they are until digest_end(), which must be called. */
void digest_begin(struct digest *d, const uint8_t *bytes, size_t len);
/* The digest in hexadecimal, in *d. */
const char *digest_end(struct digest *d);

#endif
