/* cnn.h - the engine's public face: load a model once, run it many times.
 *
 *	cnn_model_load ---> struct cnn_model    immutable, shared by all threads
 *	                         |
 *	cnn_session_new --> struct cnn_session  one per worker: arena, scratch, pool
 *	                         |
 *	cnn_session_run     pixels[n] -> scores[n][classes]   no allocation inside
 *
 * Shapes are written [N][C][H][W]; sizes are in bytes, times in nanoseconds. */
#ifndef ENGINE_CNN_H
#define ENGINE_CNN_H
#include "engine/base/parallel.h"
#include "engine/base/status.h"
#include "engine/base/types.h"
#include "engine/graph/layers.h"
#include "engine/image/image.h"

struct cnn_model;
struct cnn_session;

struct cnn_load_options {
	enum cnn_isa max_isa; /* use nothing above this, even if the CPU has it */
	int32_t max_batch;    /* pictures a session may run at once, >= 1 */
	size_t l2_bytes;      /* plan for an L2 cache of this size; 0: this machine's */
	bool keep_layers;     /* no fusion: every layer of the file can be observed */
	const char *version;  /* what it is called; NULL: as model.json says */
	size_t max_bytes; /* of memory, to load the model and then for it and its sessions; 0: all that the process may use */
};

enum cnn_channels { CNN_CHANNELS_RGB, CNN_CHANNELS_BGR, CNN_CHANNELS_L };
enum cnn_output_activation { CNN_OUTPUT_NONE, CNN_OUTPUT_SOFTMAX, CNN_OUTPUT_SIGMOID };

/* Pixel to input: value[c] = (pixel * scale - mean[c]) / std[c], channels in `channels` order. */
struct cnn_preprocess {
	struct image_fit fit;
	enum cnn_channels channels;
	double scale;
	double mean[3], std[3];
};

/* How a server forms its batches, as model.json says. */
struct cnn_batching {
	int32_t max_batch; /* 0: nothing is said, likewise below */
	bool has_max_delay;
	int32_t max_delay_us;
	int32_t priority; /* 1 (first) .. 9 */
	double weight;    /* its share beside other models of the server, which have 1 */
};

/* All that is known of a model. Strings live as long as the model and are never NULL
 * ("" when unknown). */
struct cnn_model_info {
	const char *path;                         /* the .onnx file */
	const char *name;                         /* model.json's, or the directory's or file's */
	const char *version;                      /* "1" when model.json has none */
	const char *task;                         /* "classify" */
	const char *source, *licence, *precision; /* precision: "fp32" */
	char sha256[65];                          /* of the .onnx file, hexadecimal */
	int64_t file_bytes;
	int64_t ir_version, opset;
	const char *producer;
	const char *input_name, *output_name;
	struct cnn_shape input, output;
	enum cnn_dtype input_dtype; /* of the tensors that it takes; its output is float32 */
	bool takes_pictures;        /* the input is [1][1 or 3][H][W]: cnn_session_run() works */
	struct cnn_preprocess preprocess;      /* meaningful when takes_pictures */
	enum cnn_output_activation activation; /* applied to the graph's output by convd */
	size_t classes;                        /* elements of the output for one picture */
	size_t labels;                         /* one for each class, or 0 */
	int64_t parameters, macs;              /* of the layer table's totals */
	size_t weight_bytes;                   /* packed, as kept in memory */
	size_t arena_bytes,
		live_bytes; /* of a session's feature maps; the most that are in use at once */
	size_t max_batch;   /* of its sessions */
	struct cnn_batching batching;
	const char *const *assumed; /* one sentence for each thing that model.json did not say */
	size_t n_assumed;
};

/* Read a model: a directory (model.onnx, and what lies beside it: model.json, labels.txt, Hugging Face's
 * config.json and preprocessor_config.json, all optional) or an .onnx file (the others count only when it
 * is called model.onnx), and the files of its folder that have its weights; optimise it for this CPU
 * and pack the weights. On success *out holds one reference.
 * Errors, each naming file, node and reason: CNN_IO, CNN_BAD_MODEL, CNN_UNSUPPORTED, CNN_NO_MEMORY. */
enum cnn_status cnn_model_load(const char *path, const struct cnn_load_options *options,
                               struct cnn_model **out, struct cnn_error *err);
struct cnn_model *cnn_model_ref(struct cnn_model *model);
void cnn_model_unref(struct cnn_model *model); /* NULL-safe; the last one frees */

const struct cnn_model_info *cnn_model_info(const struct cnn_model *model);
/* "" when there is none for this class. */
const char *cnn_model_label(const struct cnn_model *model, size_t cls);
size_t cnn_model_layers(const struct cnn_model *model);
const struct cnn_layer *cnn_model_layer(const struct cnn_model *model, size_t i);

/* A step of a run, seen while its output is still in the arena: valid only during the call. */
struct cnn_observed {
	/* For cnn_model_layer(): the first and the last of the layers that it computed, those between them
	 * included; SIZE_MAX: none of the file's. */
	size_t layer, last_layer;
	const char *kernel;     /* what ran: "gemm_f32_14x32_avx512" */
	size_t picture;         /* index in the batch of the first picture of this step */
	size_t pictures;        /* how many this step ran together */
	struct cnn_shape shape; /* of one picture's output, ONNX order */
	bool channels_last;     /* how `data` lies: [H][W][C] instead of [C][H][W] */
	const float *data;      /* of the first picture; NULL when nothing stays in memory */
	size_t picture_stride;  /* floats from one picture's data to the next */
	uint64_t ns;
};
struct cnn_observer {
	void (*on_step)(void *ctx, const struct cnn_observed *seen);
	void *ctx;
};

/* All memory that a run needs is allocated here. `pool` is borrowed, may be NULL;
 * a session uses as many threads as it has. */
enum cnn_status cnn_session_new(struct cnn_model *model, struct cnn_pool *pool,
                                struct cnn_session **out, struct cnn_error *err);
void cnn_session_free(struct cnn_session *session); /* NULL-safe */
size_t cnn_session_bytes(const struct cnn_session *session);

/* Classify n pictures, 1 <= n <= max_batch, each as image_read() made it for info->preprocess.fit.
 * scores is [n][classes], row i for pictures[i], after info->activation: probabilities, when the
 * network's or ours is a softmax. One run at a time per session. CNN_BAD_ARG is the only error. */
enum cnn_status cnn_session_run(struct cnn_session *session, const struct image *const pictures[],
                                size_t n, float *scores, const struct cnn_observer *observer,
                                struct cnn_error *err);

/* The same from raw input tensors, [n][info->input], in ONNX order; `raw` leaves out info->activation. */
enum cnn_status cnn_session_run_tensor(struct cnn_session *session, const float *input, size_t n,
                                       bool raw, float *scores, const struct cnn_observer *observer,
                                       struct cnn_error *err);

/* One place of a batch: a picture, or when that is NULL a tensor of info->input_dtype, [info->input] in ONNX order,
 * aligned to its elements. */
struct cnn_item {
	const struct image *picture;
	const void *tensor;
	bool raw; /* leave out info->activation */
};
/* Pictures and tensors side by side, otherwise as cnn_session_run(). */
enum cnn_status cnn_session_run_items(struct cnn_session *session, const struct cnn_item items[],
                                      size_t n, float *scores, const struct cnn_observer *observer,
                                      struct cnn_error *err);

/* One picture's scores[classes]: CNN_BAD_MODEL, naming model and class, when one is NaN or infinite. A run
 * does not look, so that one such picture leaves its neighbours alone. */
enum cnn_status cnn_scores_check(const struct cnn_model *model, const float *scores,
                                 struct cnn_error *err);

/* The k best of scores[classes], best first, ties by the lower class. Returns how many: min(k, classes). */
size_t cnn_top(const float *scores, size_t classes, size_t k, uint32_t *best);

/* This CPU's peak of fp32 arithmetic at `isa` on one core, GFLOP/s, measured for about 50 ms. */
double cnn_peak_gflops(enum cnn_isa isa);
/* The level that sessions of this model run at. */
enum cnn_isa cnn_model_isa(const struct cnn_model *model);

#endif
