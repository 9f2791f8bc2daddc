/* external.h - tensors whose bytes lie in another file of the model's folder. Private to onnx/.
 *
 * The model says which file and where in it, and is not believed: the file must be a regular one that lies in the
 * folder, whatever its name and its links say, and hold all of the bytes. They are read, not mapped: a file that
 * shrinks meanwhile is an error and no signal. */
#ifndef ENGINE_ONNX_EXTERNAL_H
#define ENGINE_ONNX_EXTERNAL_H
#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "onnx.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

/* The files of one import. Zeroed but for `beside`, it has none open. */
struct external {
	const char *beside; /* the model's path; NULL: there is no folder to look into */
	int folder, file;   /* meaningful when the next two are set */
	bool has_folder;
	char *location; /* of `file`: tensors that follow each other share one */
	uint64_t file_bytes;
};
void external_close(struct external *x);

/* Bytes of a file that was seen to have them. */
struct external_range {
	int file;
	uint64_t at;
	const char *tensor, *location; /* for errors; `location` is cut short and clean */
};

bool external_is(const Onnx__TensorProto *t);

/* Where the `bytes` bytes of tensor `name` lie; usable until the next call. `arena` gets text for errors. */
enum cnn_status external_find(struct external *x, struct arena *arena, const Onnx__TensorProto *t,
                              const char *name, size_t bytes, struct external_range *out,
                              struct cnn_error *err);

/* Read the next `bytes` of them. */
enum cnn_status external_read(struct external_range *range, void *to, size_t bytes,
                              struct cnn_error *err);

#endif
