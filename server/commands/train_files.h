/* train_files.h - the output folder of a training: made, locked, and written so that no file is ever half there. */
#ifndef SERVER_COMMANDS_TRAIN_FILES_H
#define SERVER_COMMANDS_TRAIN_FILES_H
#include "engine/base/status.h"
#include "engine/base/types.h"

/* Make a folder and those above it; one that is there already is fine. */
enum cnn_status train_make_folder(const char *path, struct cnn_error *err);

/* Lock a folder, by DIR/.lock, against other processes that do; *fd holds the lock until it is closed.
 * CNN_IO when another holds it. */
enum cnn_status train_lock_folder(const char *dir, int *fd, struct cnn_error *err);

/* file_replace() of DIR/NAME. */
enum cnn_status train_write_file(const char *dir, const char *name, const void *bytes, size_t len,
                                 struct cnn_error *err);

/* DIR/NAME is there. */
bool train_has_file(const char *dir, const char *name);

/* What people call a file or folder: its last part, for DIR/model.onnx the one before. From malloc(); NULL
 * without memory. */
char *train_path_name(const char *path);

#endif
