/* train_results.h - what a training leaves in its folder: labels.txt, model.json, report.html, model.onnx. */
#ifndef SERVER_COMMANDS_TRAIN_RESULTS_H
#define SERVER_COMMANDS_TRAIN_RESULTS_H
#include "engine/train.h"

#include <jansson.h>

struct train_results {
	const char *dir;  /* where they go; locked, see train_files.h */
	const char *name; /* of the model */
	const char *data; /* where the pictures came from */
	const char *network;
	const struct dataset *dataset;
	struct trainer *trainer;
	json_t *options; /* train_options_json() */
	bool keep_batch_norm;
};

/* *right gets how many of the validation pictures the written network has right. */
enum cnn_status train_results_write(const struct train_results *r, size_t *right,
                                    struct cnn_error *err);

#endif
