/* train_progress.h - how a training goes, for people: one line that is rewritten on a terminal, and a line that
 * stays for each epoch, everywhere. */
#ifndef SERVER_COMMANDS_TRAIN_PROGRESS_H
#define SERVER_COMMANDS_TRAIN_PROGRESS_H
#include "engine/train.h"

#include <stdio.h>

struct train_view {
	FILE *out;
	bool terminal; /* out is one: lines may be rewritten */
	bool open;     /* a line is on the terminal that the next one replaces */
	uint64_t shown_ns;
};

struct train_view train_view_of(FILE *out);

/* Rewritten: at most ten times a second, and nothing where it is no terminal. */
void train_view_reading(struct train_view *v, size_t done, size_t total);
void train_view_step(struct train_view *v, const struct train_progress *p);

/* The line of a whole epoch. */
void train_view_epoch(struct train_view *v, const struct train_epoch *e, int32_t epochs);

/* Take away the line that would be rewritten, before something else is printed. */
void train_view_clear(struct train_view *v);

/* The line's text, without a newline and not wider than `width` columns: parts that do not fit are left out,
 * the bar takes what the others leave. */
void train_step_text(const struct train_progress *p, size_t width, char *out, size_t size);
void train_epoch_text(const struct train_epoch *e, int32_t epochs, char *out, size_t size);

/* "7 s", "12:34", "3:05:00" */
void train_time_text(double seconds, char out[32]);

#endif
