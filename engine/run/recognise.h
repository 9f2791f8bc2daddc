/* recognise.h - how a graph wants its pixels, from the first things that it does with them. Private to run/. */
#ifndef ENGINE_RUN_RECOGNISE_H
#define ENGINE_RUN_RECOGNISE_H
#include "engine/run/model.h"

/* Where no file says how pixels are normalised, and the graph begins with a normalisation of its own: leave it to
 * the graph. `producer` is the program that wrote the file. The graph's shapes are known, no pass has run. */
void recognise_values(const struct graph *g, const char *producer, struct description *d,
                      struct assumptions *assumed);

#endif
