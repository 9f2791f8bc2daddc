/* Epochs and steps. */
#include "engine/train/loss.h"
#include "engine/train/optimizer.h"
#include "engine/train/state.h"

#include <math.h>
#include <string.h>
#include <time.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Fisher and Yates. */
static void shuffle(struct trainer *t, int32_t epoch)
{
	size_t n = dataset_count(t->data, DATASET_TRAIN);
	struct random r = random_seeded(t->options.seed, RANDOM_ORDER, (uint64_t)epoch);
	for (size_t i = 0; i < n; i++)
		t->order[i] = (uint32_t)i;
	for (size_t i = n; i > 1; i--) {
		size_t k = random_below(&r, (uint32_t)i);
		uint32_t swap = t->order[i - 1];
		t->order[i - 1] = t->order[k];
		t->order[k] = swap;
	}
}

static size_t steps_of(const struct trainer *t)
{
	size_t n = dataset_count(t->data, DATASET_TRAIN), batch = t->net->max_batch;
	return (n + batch - 1) / batch;
}

/* Johnk's way to Beta(a, a), good for a up to 1 and what mixup uses beyond. */
static double beta(struct random *r, double a)
{
	for (;;) {
		double x = pow(random_unit(r), 1 / a), y = pow(random_unit(r), 1 / a);
		if (x + y <= 1 && x + y > 0)
			return x / (x + y);
	}
}

/* One step's share of an epoch. */
struct batch {
	struct trainer *t;
	int32_t epoch;
	size_t first, n; /* in t->order */
	double mix;      /* share of the picture itself; 1: nothing is mixed in */
};

static struct random picture_random(const struct batch *b, size_t i)
{
	return random_seeded(b->t->options.seed, RANDOM_AUGMENT,
	                     (uint64_t)b->epoch << 32 | b->t->order[b->first + i]);
}

static struct dataset_sample sample_of(const struct batch *b, size_t i)
{
	return dataset_get(b->t->data, DATASET_TRAIN, b->t->order[b->first + i]);
}

/* Picture i as the network sees it this time. */
static void see_picture(const struct batch *b, size_t i, float *scratch, float *x)
{
	const struct trainer *t = b->t;
	const struct features *f = &t->features;
	struct random r = picture_random(b, i);
	if (!f->train) {
		augment_picture(&t->augment, sample_of(b, i).picture, r, scratch, x);
		return;
	}
	size_t row = t->order[b->first + i] * f->views + random_below(&r, (uint32_t)f->views);
	memcpy(x, f->train + row * t->transfer.n, t->transfer.n * sizeof *x);
}

static void fill_picture(void *ctx, size_t i, size_t thread)
{
	const struct batch *b = ctx;
	struct trainer *t = b->t;
	const struct feature *in = &t->net->feature[t->net->input];
	float *target = t->target + i * t->classes;
	uint32_t mine = sample_of(b, i).cls, other = sample_of(b, b->n - 1 - i).cls;
	float share = (float)b->mix, smooth = (float)t->options.label_smoothing;
	see_picture(b, i, t->scratch + thread * t->scratch_floats, in->x + i * in->floats);
	for (size_t k = 0; k < t->classes; k++)
		target[k] = smooth / (float)t->classes;
	target[mine] += (1 - smooth) * share;
	target[other] += (1 - smooth) * (1 - share);
	t->label[i] = share >= 0.5f ? mine : other;
}

/* Picture i with its partner, both ways, when both are there. */
static void mix_pair(void *ctx, size_t i, size_t thread)
{
	const struct batch *b = ctx;
	const struct feature *in = &b->t->net->feature[b->t->net->input];
	float *x = in->x + i * in->floats, *y = in->x + (b->n - 1 - i) * in->floats;
	float share = (float)b->mix, rest = 1 - share;
	(void)thread;
	for (size_t k = 0; k < in->floats; k++) {
		float mine = x[k], other = y[k];
		x[k] = share * mine + rest * other;
		y[k] = share * other + rest * mine;
	}
}

static uint32_t best_of(size_t n, const float *x)
{
	size_t best = 0;
	for (size_t i = 1; i < n; i++)
		if (x[i] > x[best])
			best = i;
	return (uint32_t)best;
}

static void lose_picture(void *ctx, size_t i, size_t thread)
{
	const struct batch *b = ctx;
	struct trainer *t = b->t;
	(void)thread;
	const struct feature *out = &t->net->feature[t->net->output];
	const float *z = out->x + i * t->classes;
	t->right[i] = best_of(t->classes, z) == t->label[i];
	t->loss[i] = cross_entropy(t->classes, z, t->target + i * t->classes, 1 / (float)b->n,
	                           out->g + i * t->classes);
}

/* --- updating ---------------------------------------------------------------------------------------- */

struct update {
	struct trainer *t;
	double lr;
	float share; /* of the new weights in the average */
};

static void update_weights(void *ctx, size_t i, size_t thread)
{
	const struct update *u = ctx;
	struct trainer *t = u->t;
	(void)thread;
	const struct weights *w = &t->net->weights[i];
	const struct optimizer o = {t->options.optimizer, t->options.momentum,
	                            t->options.weight_decay};
	optimizer_update(&o, u->lr, t->step, w->decays, w->n, t->net->grad + w->at,
	                 t->net->w + w->at, t->first + w->at, t->second ? t->second + w->at : NULL);
	if (t->average)
		average_towards(u->share, w->n, t->net->w + w->at, t->average + w->at);
}

static void update(struct trainer *t)
{
	int64_t steps = (int64_t)steps_of(t);
	struct update u = {.t = t};
	u.lr = learning_rate(t->options.lr, t->step, steps * t->options.epochs,
	                     t->options.warmup * (double)steps);
	t->step++;
	/* The average of few steps must not be mostly the random beginning. */
	if (t->average) {
		double keep = exp(-1 / (t->options.ema * (double)steps));
		double early = (1 + (double)t->step) / (10 + (double)t->step);
		u.share = (float)(1 - fmin(keep, early));
		average_towards(u.share, t->net->n_stats, t->net->stats, t->average_stats);
	}
	cnn_parallel_for(t->pool, t->net->n_weights, update_weights, &u);
}

/* --- one step ---------------------------------------------------------------------------------------- */

static void run_step(struct batch *b, double *loss, size_t *right)
{
	struct trainer *t = b->t;
	struct random r = random_seeded(t->options.seed, RANDOM_MIX, (uint64_t)t->step);
	b->mix = t->options.augment.mixup > 0 ? beta(&r, t->options.augment.mixup) : 1;
	const struct pass_run run = {
		.n = b->n,
		.training = true,
		.seed = random_seeded(t->options.seed, RANDOM_DROPOUT, (uint64_t)t->step).state,
	};
	cnn_parallel_for(t->pool, b->n, fill_picture, b);
	if (b->mix < 1)
		cnn_parallel_for(t->pool, b->n / 2, mix_pair, b);
	network_prepare(t->net, true);
	network_forward(t->net, &run);
	cnn_parallel_for(t->pool, b->n, lose_picture, b);
	network_backward(t->net, &run);
	update(t);
	for (size_t i = 0; i < b->n; i++) {
		*loss += t->loss[i];
		*right += t->right[i];
	}
}

static bool all_finite(size_t n, const float *x)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

/* The last step's loss does not show what its update did: nothing may be saved that cannot go on. */
static enum cnn_status check_finite(const struct trainer *t, const struct train_epoch *e,
                                    size_t steps, struct cnn_error *err)
{
	const struct network *net = t->net;
	if (all_finite(net->n_w, net->w) && all_finite(net->n_stats, net->stats) &&
	    isfinite(e->val_loss))
		return CNN_OK;
	return cnn_fail(
		err, CNN_BAD_MODEL,
		"epoch %d, after step %zu of %zu: the weights are no numbers or too large; a "
		"lower learning rate may help",
		e->epoch, steps, steps);
}

static enum cnn_status run_epoch(struct trainer *t, int32_t epoch,
                                 const struct train_events *events, struct train_epoch *out,
                                 struct cnn_error *err)
{
	size_t total = dataset_count(t->data, DATASET_TRAIN), steps = steps_of(t), right = 0,
	       done = 0;
	double start = now(), loss = 0;
	shuffle(t, epoch);
	for (size_t s = 0; s < steps; s++) {
		struct batch b = {.t = t, .epoch = epoch, .first = total * s / steps};
		b.n = total * (s + 1) / steps - b.first;
		run_step(&b, &loss, &right);
		done += b.n;
		if (!isfinite(loss))
			return cnn_fail(err, CNN_BAD_MODEL,
			                "epoch %d, step %zu of %zu: the loss is no number; a lower "
			                "learning rate may help",
			                epoch, s + 1, steps);
		double rate = (double)done / fmax(now() - start, 1e-9);
		double left = (double)total * (t->options.epochs - epoch + 1) - (double)done;
		struct train_progress p = {epoch, t->options.epochs,   done,
		                           total, loss / (double)done, (double)right / (double)done,
		                           rate,  left / rate};
		if (events->on_step)
			events->on_step(events->ctx, &p);
	}
	*out = (struct train_epoch){
		.epoch = epoch,
		.lr = learning_rate(t->options.lr, t->step - 1, (int64_t)steps * t->options.epochs,
	                            t->options.warmup * (double)steps),
		.train_loss = loss / (double)total,
		.train_accuracy = (double)right / (double)total,
		.val_loss = -1,
		.val_accuracy = -1,
	};
	if (dataset_count(t->data, DATASET_VAL))
		trainer_validate(t, &out->val_loss, &out->val_accuracy, NULL);
	out->seconds = now() - start;
	return check_finite(t, out, steps, err);
}

enum cnn_status trainer_run(struct trainer *t, const struct train_events *events,
                            struct cnn_error *err)
{
	while (t->n_history < (size_t)t->options.epochs) {
		struct train_epoch epoch;
		if (events->stop && events->stop(events->ctx))
			return CNN_OK;
		enum cnn_status status =
			run_epoch(t, (int32_t)t->n_history + 1, events, &epoch, err);
		if (status)
			return status;
		t->history[t->n_history++] = epoch;
		if (events->on_epoch && (status = events->on_epoch(events->ctx, &epoch, err)))
			return status;
	}
	return CNN_OK;
}

/* --- validation -------------------------------------------------------------------------------------- */

struct validation {
	struct trainer *t;
	size_t first;
	struct train_guess *guesses; /* of all pictures, or NULL */
};

static void show_picture(void *ctx, size_t i, size_t thread)
{
	const struct validation *v = ctx;
	struct trainer *t = v->t;
	(void)thread;
	const struct feature *in = &t->net->feature[t->net->input];
	float *x = in->x + i * in->floats;
	if (t->features.val)
		memcpy(x, t->features.val + (v->first + i) * in->floats, in->floats * sizeof *x);
	else
		augment_plain(&t->augment, dataset_get(t->data, DATASET_VAL, v->first + i).picture,
		              x);
}

static void judge_picture(void *ctx, size_t i, size_t thread)
{
	const struct validation *v = ctx;
	struct trainer *t = v->t;
	float *row = t->scratch + thread * t->scratch_floats;
	const float *z = t->net->feature[t->net->output].x + i * t->classes;
	uint32_t cls = dataset_get(t->data, DATASET_VAL, v->first + i).cls,
		 guess = best_of(t->classes, z);
	memset(row, 0, t->classes * sizeof *row);
	row[cls] = 1;
	t->loss[i] = cross_entropy(t->classes, z, row, 1, NULL);
	t->right[i] = guess == cls;
	if (!v->guesses)
		return;
	softmax_row(t->classes, z, row);
	v->guesses[v->first + i] = (struct train_guess){v->first + i, guess, row[guess]};
}

void trainer_validate(struct trainer *t, double *loss, double *accuracy,
                      struct train_guess *guesses)
{
	struct network *net = t->net;
	float *w = net->w, *stats = net->stats;
	size_t total = dataset_count(t->data, DATASET_VAL), right = 0;
	double sum = 0;
	if (t->average) {
		net->w = t->average;
		net->stats = t->average_stats;
	}
	network_prepare(net, false);
	for (size_t first = 0; first < total; first += net->max_batch) {
		struct validation v = {t, first, guesses};
		struct pass_run run = {.n = total - first < net->max_batch ? total - first
		                                                           : net->max_batch};
		cnn_parallel_for(t->pool, run.n, show_picture, &v);
		network_forward(net, &run);
		cnn_parallel_for(t->pool, run.n, judge_picture, &v);
		for (size_t i = 0; i < run.n; i++) {
			sum += t->loss[i];
			right += t->right[i];
		}
	}
	net->w = w;
	net->stats = stats;
	*loss = total ? sum / (double)total : 0;
	*accuracy = total ? (double)right / (double)total : 0;
}

enum cnn_status trainer_guess(struct trainer *t, struct train_guess *guesses, struct cnn_error *err)
{
	double loss, accuracy;
	(void)err;
	trainer_validate(t, &loss, &accuracy, guesses);
	return CNN_OK;
}
