/* reader.h - a JSON file beside a model, key by key. Private to run/.
 *
 * A getter leaves *out alone where the key is absent or null, and names file and key where it has something else. */
#ifndef ENGINE_RUN_READER_H
#define ENGINE_RUN_READER_H
#include "engine/base/arena.h"
#include "engine/base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* One reading of one file: where errors point to, and where strings live. */
struct reader {
	const char *path;
	struct arena *arena;
	struct cnn_error *err;
};

/* *root is DIR/name's object, which the caller releases; NULL when there is no such file. */
enum cnn_status reader_open(struct reader *r, const char *dir, const char *name,
                            struct arena *arena, json_t **root, struct cnn_error *err);

/* "PATH: "key" must be WANT". */
enum cnn_status reader_wrong(const struct reader *r, const char *key, const char *want);

/* The value of a key, NULL when it is absent or null. */
const json_t *reader_get(const json_t *object, const char *key);

/* Valid UTF-8 without control characters. */
enum cnn_status reader_string(const struct reader *r, const json_t *object, const char *key,
                              const char **out);
/* A string out of a list, which `text` names; its index. */
enum cnn_status reader_choice(const struct reader *r, const json_t *object, const char *key,
                              const char *const *choices, const char *text, bool *has, int *out);
enum cnn_status reader_flag(const struct reader *r, const json_t *object, const char *key,
                            bool *has, bool *out);
/* A number of pixels, 1 to 16384. */
enum cnn_status reader_pixels(const struct reader *r, const json_t *object, const char *key,
                              int32_t *out);
/* A whole number, min to max. */
enum cnn_status reader_integer(const struct reader *r, const json_t *object, const char *key,
                               int32_t min, int32_t max, bool *has, int32_t *out);
/* A finite number above 0. */
enum cnn_status reader_positive(const struct reader *r, const json_t *object, const char *key,
                                bool *has, double *out);
/* One number for each channel. A single one stands for all of them. */
enum cnn_status reader_vector(const struct reader *r, const json_t *object, const char *key,
                              bool zero_allowed, double out[3], size_t *n, bool *has);

#endif
