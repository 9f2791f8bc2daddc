/* repository.h - what lies in a folder of models: DIR/NAME/model.onnx, or DIR/NAME/VERSION/model.onnx. */
#ifndef SERVER_REPOSITORY_H
#define SERVER_REPOSITORY_H
#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/types.h"

struct repository_model {
	const char *name;
	int64_t number;      /* its folder's, or 0 for DIR/NAME/model.onnx */
	const char *path;    /* of the folder with model.onnx */
	uint64_t stamp;      /* of its files */
	const char *problem; /* NULL, or why nothing can be loaded here */
};

struct repository_list {
	struct repository_model *model; /* by name, then highest number first */
	size_t n, capacity;
};

/* A folder is about to be looked at; may be NULL. */
struct repository_visit {
	void (*folder)(void *ctx, const char *path);
	void *ctx;
};

/* List the models, of each the `newest` highest versions (0: all). Names are 1..128 of A-Z a-z 0-9 . _ - and begin
 * with none of ". -"; hidden ones are passed over, others are listed with the problem. Numbered folders without
 * model.onnx are passed over, and when one has it, DIR/NAME/model.onnx is too. Links are followed, wherever they lead. All
 * strings are the arena's. CNN_IO when DIR cannot be read, CNN_NO_MEMORY. */
enum cnn_status repository_list(const char *dir, size_t newest,
                                const struct repository_visit *visit, struct arena *arena,
                                struct repository_list *out, struct cnn_error *err);

/* A number that changes when a file of the model does: of the folder and those below it, or of the file and what
 * is named after it. It is made of names, inodes, sizes and times. 0: there is nothing at `path`. */
uint64_t repository_stamp(const char *path, const struct repository_visit *visit);

#endif
