/* Checkpoints: everything that the next epoch depends on.
 *
 * A header of text, so that people can tell what it is, then arrays of the machine's own floats, then the SHA-256 of
 * all before it. Who reads one must have the same data, options and network: their fingerprint is in the header. */
#include "engine/base/file.h"
#include "engine/train/random.h"
#include "engine/train/state.h"

#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 128, MAX_CHECKPOINT = INT32_MAX };
static const char form[] =
	"convd checkpoint 1\nepochs %zu step %" PRId64 " made from %016" PRIx64 "\n";

/* FNV-1a, 64 bits. */
static uint64_t digest(uint64_t h, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t digest_text(uint64_t h, const char *text)
{
	return text ? digest(h, text, strlen(text) + 1) : digest(h, "", 1);
}

static uint64_t digest_number(uint64_t h, double x)
{
	return digest(h, &x, sizeof x);
}

/* What must be the same for training to go on as if it had not stopped. */
static uint64_t fingerprint(const struct trainer *t)
{
	const struct train_options *o = &t->options;
	const struct train_augment *a = &o->augment;
	const double numbers[] = {
		o->unfreeze,
		o->epochs,
		o->batch,
		o->optimizer,
		o->lr,
		o->warmup,
		o->momentum,
		o->weight_decay,
		o->label_smoothing,
		o->dropout,
		o->ema,
		a->min_area,
		a->pad,
		a->flip,
		a->jitter,
		a->cutout,
		a->mixup,
		(double)t->net->n_w,
		(double)t->net->n_stats,
		(double)dataset_size(t->data),
		(double)dataset_resize_short(t->data),
	};
	uint64_t h =
		digest_text(digest_text(UINT64_C(0xcbf29ce484222325), o->arch), t->transfer.sha256);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		h = digest_number(h, numbers[i]);
	uint64_t data = dataset_fingerprint(t->data);
	return digest(digest(h, &o->seed, sizeof o->seed), &data, sizeof data);
}

/* One after the other, all that is kept. */
struct part {
	void *data;
	size_t bytes;
};
enum { PARTS = 7 };

static size_t list_parts(const struct trainer *t, size_t epochs, struct part part[PARTS])
{
	const struct network *net = t->net;
	size_t w = net->n_w * sizeof(float), stats = net->n_stats * sizeof(float), total = 0;
	const struct part all[PARTS] = {
		{t->history, epochs * sizeof *t->history},
		{net->w, w},
		{net->stats, stats},
		{t->first, w},
		{t->second, t->second ? w : 0},
		{t->average, t->average ? w : 0},
		{t->average_stats, t->average ? stats : 0},
	};
	memcpy(part, all, sizeof all);
	for (size_t i = 0; i < PARTS; i++)
		total += part[i].bytes;
	return total;
}

static void sha256(const uint8_t *bytes, size_t len, uint8_t out[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx sha;
	sha256_init(&sha);
	sha256_update(&sha, len, bytes);
	sha256_digest(&sha, SHA256_DIGEST_SIZE, out);
}

enum cnn_status trainer_save(const struct trainer *t, const char *path, struct cnn_error *err)
{
	struct part part[PARTS];
	size_t len = HEADER_BYTES + list_parts(t, t->n_history, part);
	uint8_t *bytes = calloc(1, len + SHA256_DIGEST_SIZE), *to = bytes;
	if (!bytes)
		return cnn_fail_memory(err, path, len);
	snprintf((char *)bytes, HEADER_BYTES, form, t->n_history, t->step, fingerprint(t));
	to += HEADER_BYTES;
	for (size_t i = 0; i < PARTS; to += part[i++].bytes)
		if (part[i].bytes)
			memcpy(to, part[i].data, part[i].bytes);
	sha256(bytes, len, bytes + len);
	enum cnn_status status = file_replace(path, bytes, len + SHA256_DIGEST_SIZE, err);
	free(bytes);
	return status;
}

static enum cnn_status restore(struct trainer *t, const char *path, const uint8_t *bytes,
                               size_t len, struct cnn_error *err)
{
	uint8_t sum[SHA256_DIGEST_SIZE];
	size_t epochs;
	int64_t step;
	uint64_t from;
	if (len < HEADER_BYTES + sizeof sum || bytes[HEADER_BYTES - 1] ||
	    sscanf((const char *)bytes, form, &epochs, &step, &from) != 3)
		return cnn_fail(err, CNN_BAD_ARG, "%s: not a checkpoint of this program", path);
	sha256(bytes, len - sizeof sum, sum);
	if (memcmp(sum, bytes + len - sizeof sum, sizeof sum) != 0)
		return cnn_fail(err, CNN_BAD_ARG, "%s: the checkpoint is broken", path);
	struct part part[PARTS];
	if (from != fingerprint(t) || epochs > (size_t)t->options.epochs ||
	    list_parts(t, epochs, part) != len - HEADER_BYTES - sizeof sum)
		return cnn_fail(err, CNN_BAD_ARG,
		                "%s: made with other options, other pictures or another network",
		                path);
	const uint8_t *at = bytes + HEADER_BYTES;
	for (size_t i = 0; i < PARTS; at += part[i++].bytes)
		if (part[i].bytes)
			memcpy(part[i].data, at, part[i].bytes);
	t->n_history = epochs;
	t->step = step;
	return CNN_OK;
}

enum cnn_status trainer_load(struct trainer *t, const char *path, struct cnn_error *err)
{
	uint8_t *bytes;
	size_t len;
	enum cnn_status status = file_load(path, MAX_CHECKPOINT, &bytes, &len, err);
	if (status)
		return status;
	status = restore(t, path, bytes, len, err);
	free(bytes);
	return status;
}
