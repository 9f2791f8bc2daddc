/* file.h - whole files in memory. */
#ifndef ENGINE_RUN_FILE_H
#define ENGINE_RUN_FILE_H
#include "engine/base/status.h"
#include <stdint.h>

/* All of a regular file of at most `limit` bytes, with a zero byte behind it.
 * CNN_IO (names the path and the system's reason), CNN_NO_MEMORY. A missing file gives CNN_OK and
 * *bytes == NULL when `optional`. The caller frees with pages_free(). */
enum cnn_status file_read(const char *path, size_t limit, int optional, uint8_t **bytes,
                          size_t *len, struct cnn_error *err);

#endif
