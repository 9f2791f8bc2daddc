/* dataset.h - how a dataset comes to be. What lies where is listed (folder, tar), what of it is a picture of
 * which class is found out (layout, idx), and then all of it is decoded. */
#ifndef ENGINE_TRAIN_DATASET_H
#define ENGINE_TRAIN_DATASET_H
#include "engine/base/arena.h"
#include "engine/train.h"

/* A file or a folder below what was opened; hidden ones are not listed. */
struct dataset_entry {
	const char *path;      /* "train/sea/12.jpg" */
	const char *refused;   /* why its bytes cannot be read; NULL: they can */
	uint64_t offset, size; /* of its bytes in the .tar */
	bool folder;
};

/* A picture; its bytes are those at `offset` of `fd`, or the file of its name where fd is -1. */
struct dataset_item {
	const char *file;
	const char *refused; /* as the entry's */
	uint64_t offset, size;
	uint64_t hash; /* of the pixels */
	int fd;
	uint32_t cls;
	enum dataset_split split;
	struct image picture; /* once it is decoded */
};

/* What dataset_open() knows before there is a dataset. All strings are in the arena. */
struct dataset_source {
	const char *path;
	const struct dataset_options *options;
	struct arena *arena;
	int folder, tar; /* open files, one is -1 */
	int idx[DATASET_SPLITS];
	struct dataset_entry *entry;
	size_t entries, entry_room;
	struct dataset_item *item; /* in their final order, splits mixed */
	size_t items, item_room;
	const char **class_name;
	size_t classes, class_room;
	bool val_is_own;
	size_t skipped;
	int32_t width, height, channels; /* of every picture of IDX files; else 0 */
};

/* What all pictures are made to be. */
struct dataset_form {
	int32_t size, resize_short, channels;
	bool own_size; /* what is not size x size is an error */
};

/* Each adds to the list it names. CNN_NO_MEMORY is the only error. */
enum cnn_status dataset_add_entry(struct dataset_source *s, const struct dataset_entry *entry,
                                  struct cnn_error *err);
enum cnn_status dataset_add_item(struct dataset_source *s, const struct dataset_item *item,
                                 struct cnn_error *err);
enum cnn_status dataset_add_class(struct dataset_source *s, const char *name, size_t len,
                                  struct cnn_error *err);

/* Count what is left out and say so. */
void dataset_skip(struct dataset_source *s, const char *file, const char *reason);

/* The bytes of a picture or of an entry: release with free(). CNN_IO: cannot be read, or more than `limit`.
 * These and the next two leave it to the caller to name the file. */
enum cnn_status dataset_read_item(const struct dataset_source *s, const struct dataset_item *item,
                                  size_t limit, uint8_t **bytes, size_t *len,
                                  struct cnn_error *err);
enum cnn_status dataset_read_entry(const struct dataset_source *s,
                                   const struct dataset_entry *entry, size_t limit, uint8_t **bytes,
                                   size_t *len, struct cnn_error *err);
/* More bytes than the file of a picture can have. */
size_t dataset_max_file(const struct dataset_options *options);
/* An open file of a folder and its size; CNN_IO unless it is a regular one. */
enum cnn_status dataset_open_file(const struct dataset_source *s, const char *file, int *fd,
                                  uint64_t *size, struct cnn_error *err);
/* Exactly `len` bytes at `offset`. */
enum cnn_status dataset_read_at(int fd, uint64_t offset, uint8_t *to, size_t len,
                                struct cnn_error *err);

/* List s->folder, s->tar. */
enum cnn_status dataset_list_folder(struct dataset_source *s, struct cnn_error *err);
enum cnn_status dataset_list_tar(struct dataset_source *s, struct cnn_error *err);

/* Make items and classes out of the entries. */
enum cnn_status dataset_layout(struct dataset_source *s, struct cnn_error *err);

/* The entries of one folder: those from `from` to before `to`, whose paths begin with `skip` bytes of it. */
struct dataset_range {
	size_t from, to, skip;
};

/* Whether a folder has IDX files, and what they hold as items. */
bool dataset_has_idx(const struct dataset_source *s, struct dataset_range range);
enum cnn_status dataset_take_idx(struct dataset_source *s, struct dataset_range range,
                                 struct cnn_error *err);

enum cnn_status dataset_check_options(const struct dataset_options *o, struct cnn_error *err);
/* By the options, and where these leave it open by the first training picture. */
enum cnn_status dataset_decide_form(const struct dataset_source *s, struct dataset_form *form,
                                    struct cnn_error *err);

/* Decode all items; those that cannot be are left without a picture, and are no more than a fifth. */
enum cnn_status dataset_decode(struct dataset_source *s, const struct dataset_form *form,
                               struct cnn_pool *pool, struct cnn_error *err);

#endif
