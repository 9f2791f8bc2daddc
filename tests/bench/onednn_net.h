/* onednn_net.h - a plan as oneDNN's primitives, each in the format that oneDNN asks for. */
#ifndef TESTS_BENCH_ONEDNN_NET_H
#define TESTS_BENCH_ONEDNN_NET_H
#include "tests/bench/onednn_plan.h"

#include <stdbool.h>

struct net;

/* The plan for `batch` pictures from input to output, both plain and the caller's, which must last
 * as long as the net. nhwc: channels last between convolutions, instead of what oneDNN likes best.
 * The plan is not needed afterwards. */
enum cnn_status net_new(const struct plan *plan, size_t batch, bool nhwc, float *input,
                        float *output, struct net **out, struct cnn_error *err);
enum cnn_status net_run(struct net *net, struct cnn_error *err);
void net_free(struct net *net);

#endif
