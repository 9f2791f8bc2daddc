/* describe.h - what the files beside a model say of it: model.json and labels.txt. Private to run/. */
#ifndef ENGINE_RUN_DESCRIBE_H
#define ENGINE_RUN_DESCRIBE_H
#include "engine/base/arena.h"
#include "engine/cnn.h"

/* model.json as it was written. Pointers are NULL and has_... false where it says nothing. */
struct description {
	const char *name, *version, *task, *source, *licence, *precision, *labels;
	bool has_activation;
	enum cnn_output_activation activation;
	int32_t width, height, resize_short; /* 0: not given */
	bool has_crop, has_channels, has_scale, has_mean, has_std, has_interpolation;
	enum image_crop crop;
	enum cnn_channels channels;
	double scale, mean[3], std[3];
	size_t n_mean, n_std;
};

/* Read DIR/model.json; a missing file gives an empty description. Strings live in `arena`.
 * CNN_BAD_MODEL names the file and the key. */
enum cnn_status describe_read(const char *dir, struct arena *arena, struct description *out,
                              struct cnn_error *err);

struct label_list {
	const char *const *label;
	size_t n;
};

/* Read DIR/name, a label a line ("12: goldfish" and "n01443537 goldfish" stay as they are); a missing file gives
 * an empty list unless `required`. Bytes that are not UTF-8 are replaced by '?'. */
enum cnn_status labels_read(const char *dir, const char *name, bool required, struct arena *arena,
                            struct label_list *out, struct cnn_error *err);

/* Replace, in place, what is not valid UTF-8 or is a control character by '?'. */
void text_clean(char *text);

#endif
