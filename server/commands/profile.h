/* profile.h - the time of every step of a run, averaged over some runs. */
#ifndef SERVER_COMMANDS_PROFILE_H
#define SERVER_COMMANDS_PROFILE_H
#include "engine/cnn.h"
#include <stdio.h>

#define PROFILE_RUNS 20

struct profile;
struct profile *profile_new(const struct cnn_model *model); /* NULL when memory runs out */
void profile_free(struct profile *profile);                 /* NULL-safe */
/* To be passed to PROFILE_RUNS runs. */
const struct cnn_observer *profile_observer(struct profile *profile);
/* A line a layer: what ran, milliseconds a picture, GFLOP/s, share of the time. */
void profile_print(const struct profile *profile, size_t batch, double peak_gflops, FILE *out);

#endif
