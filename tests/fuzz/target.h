/* target.h - what libFuzzer and replay.c call, and what every target needs. */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H
#include "engine/base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* A promise that was not kept is a crash. */
static inline void check(bool holds)
{
	if (!holds)
		abort();
}

static inline void check_refusal(enum cnn_status status, const struct cnn_error *err)
{
	check(err->code == status && err->text[0] != '\0' && !strchr(err->text, '\n'));
}

/* A file without a name that holds `bytes`: its descriptor, and a path that is good while it is open. */
static inline int memory_file(const void *bytes, size_t len, char path[64])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	check(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
