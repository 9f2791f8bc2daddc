/* train_json.h - model.json of a trained network: how a server has to feed it, and where it comes from. */
#ifndef SERVER_COMMANDS_TRAIN_JSON_H
#define SERVER_COMMANDS_TRAIN_JSON_H
#include "server/commands/train_report.h"

#include <jansson.h>

struct train_json {
	const struct report_data *result;
	int32_t resize_short;
	double mean[3], std[3]; /* value = (pixel / 255 - mean) / std */
	uint64_t fingerprint;   /* of the data */
	json_t *options;        /* train_options_json() */
};

/* *text is from malloc(), the caller's. */
enum cnn_status train_json(const struct train_json *t, char **text, size_t *len,
                           struct cnn_error *err);

#endif
