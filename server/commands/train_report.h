/* train_report.h - what a training did, as one HTML file that needs nothing else. From plain data, so that it
 * can be tried without a training. */
#ifndef SERVER_COMMANDS_TRAIN_REPORT_H
#define SERVER_COMMANDS_TRAIN_REPORT_H
#include "engine/train.h"

struct report_option {
	const char *name, *value;
};

/* A validation picture and what the network says to it. */
struct report_guess {
	uint32_t cls, guess; /* below report_data.classes */
	float probability;   /* of the guess */
	const struct image *picture;
	const char *file;
};

struct report_data {
	const char *name;              /* of the model */
	const char *data;              /* where the pictures came from */
	const char *network;           /* "resnet-small", or what it was made from */
	const char *version;           /* of convd */
	const char *const *class_name; /* [classes] */
	size_t classes, train, val, skipped;
	bool val_is_own; /* the data came with validation pictures */
	int32_t size, channels;
	int64_t parameters, macs;
	const struct report_option *option;
	size_t n_options;
	const struct train_epoch *epoch;
	size_t n_epochs;
	const struct report_guess *guess; /* [val] */
	const float
		*filter; /* [n_filters][filter_channels][filter_height][filter_width]; NULL: none */
	int32_t n_filters, filter_channels, filter_height, filter_width;
};

/* How many of the guesses are right, and their share; the time that all epochs took. */
size_t report_right(const struct report_data *d);
double report_accuracy(const struct report_data *d);
double report_seconds(const struct report_data *d);

/* *html is from malloc(), the caller's; NULL on failure, which only memory can cause. */
enum cnn_status train_report(const struct report_data *d, char **html, size_t *len,
                             struct cnn_error *err);

#endif
