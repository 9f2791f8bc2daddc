/* photo.h - a photo's file as the commands read it. */
#ifndef SERVER_COMMANDS_PHOTO_H
#define SERVER_COMMANDS_PHOTO_H
#include "engine/base/status.h"
#include "engine/base/types.h"

/* All bytes of the file, of standard input when path is "-"; from malloc(). NULL: the error says why, without the
 * path. */
uint8_t *photo_read(const char *path, size_t *len, struct cnn_error *err);

#endif
