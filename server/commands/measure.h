/* measure.h - the time of each layer of a network, on a picture of noise. */
#ifndef SERVER_COMMANDS_MEASURE_H
#define SERVER_COMMANDS_MEASURE_H
#include "engine/cnn.h"

/* us: [layers], medians of some runs in microseconds; below 0 for a layer that is computed along with another one,
 * which has the time of both, or that nothing needs to be done for. */
enum cnn_status measure_layers(struct cnn_model *model, double *us, struct cnn_error *err);

#endif
