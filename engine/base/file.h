/* file.h - files that are there whole or not at all. */
#ifndef ENGINE_BASE_FILE_H
#define ENGINE_BASE_FILE_H
#include "engine/base/status.h"

#include <stdint.h>

/* Write through a temporary file beside `path`, on the disk when this returns. CNN_IO names path and reason, and
 * what was there before is as it was. */
enum cnn_status file_replace(const char *path, const void *bytes, size_t len,
                             struct cnn_error *err);

/* All of a file of at most max_bytes, from malloc(). */
enum cnn_status file_load(const char *path, size_t max_bytes, uint8_t **bytes, size_t *len,
                          struct cnn_error *err);

#endif
