/* describe.h - what the files beside a model say of it: model.json and labels.txt. Private to run/. */
#ifndef ENGINE_RUN_DESCRIBE_H
#define ENGINE_RUN_DESCRIBE_H
#include "engine/base/arena.h"
#include "engine/cnn.h"

/* What is known before the graph is asked: model.json's words, and where it has none those of weaker files.
 * Pointers are NULL, sizes 0 and has_... false where nothing is said. */
struct description {
	const char *json; /* model.json's path */
	const char *name, *version, *task, *source, *licence, *precision, *labels;
	const char *output; /* which of the graph's */
	bool has_activation;
	enum cnn_output_activation activation;
	int32_t width, height, resize_short;
	int32_t input_channels; /* where the graph leaves them open */
	bool resize_to_input;   /* resize_short is the input's shorter side */
	bool has_crop, has_channels, has_scale, has_mean, has_std, has_interpolation;
	enum image_crop crop;
	enum cnn_channels channels;
	double scale, mean[3], std[3];
	size_t n_mean, n_std;
	struct cnn_batching batching;
	/* Whose word the size, the way to it (crop, resize_short), the channels' order and the values (scale,
	 * mean, std) are: a file's path, for errors. Each of these four comes from one place as a whole. */
	const char *size_by, *fit_by, *channels_by, *values_by;
};

/* Read DIR/model.json; a missing file gives an empty description. Strings live in `arena`.
 * CNN_BAD_MODEL names the file and the key. */
enum cnn_status describe_read(const char *dir, struct arena *arena, struct description *out,
                              struct cnn_error *err);

struct label_list {
	const char *const *label;
	size_t n;
	const char *by; /* the file's name; NULL: there are none */
};

/* Read DIR/name, a label a line ("12: goldfish" and "n01443537 goldfish" stay as they are); a missing file gives
 * an empty list unless `required`. Bytes that are not UTF-8 are replaced by '?'. */
enum cnn_status labels_read(const char *dir, const char *name, bool required, struct arena *arena,
                            struct label_list *out, struct cnn_error *err);

/* Replace, in place, what is not valid UTF-8 or is a control character by '?'. */
void text_clean(char *text);

#endif
