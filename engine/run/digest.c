#include "engine/run/digest.h"

#include <nettle/sha2.h>
#include <stdio.h>

/* Smaller files are through before a thread has started. */
#define WORTH_A_THREAD ((size_t)1 << 20)

static void *compute(void *digest)
{
	struct digest *d = digest;
	uint8_t sum[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;
	sha256_init(&sha);
	sha256_update(&sha, d->len, d->bytes);
	sha256_digest(&sha, sizeof sum, sum);
	for (size_t i = 0; i < sizeof sum; i++)
		snprintf(d->text + 2 * i, 3, "%02x", sum[i]);
	return NULL;
}

void digest_begin(struct digest *d, const uint8_t *bytes, size_t len)
{
	d->bytes = bytes;
	d->len = len;
	d->threaded = len >= WORTH_A_THREAD && pthread_create(&d->thread, NULL, compute, d) == 0;
}

const char *digest_end(struct digest *d)
{
	if (d->threaded)
		pthread_join(d->thread, NULL);
	else
		compute(d);
	return d->text;
}
