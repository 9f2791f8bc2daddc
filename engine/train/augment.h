/* augment.h - a training picture as the network sees it this time. */
#ifndef ENGINE_TRAIN_AUGMENT_H
#define ENGINE_TRAIN_AUGMENT_H
#include "engine/train.h"
#include "engine/train/random.h"

struct augmenter {
	struct train_augment how;
	int32_t size, resize_short, channels;
	float mean[3], inverse_std[3]; /* value = (pixel / 255 - mean) * inverse_std */
};

/* Floats of scratch that augment_picture() needs. */
size_t augment_scratch(const struct augmenter *a);
/* out[size][size][channels]; `scratch` is the thread's. What comes depends on `r` alone. */
void augment_picture(const struct augmenter *a, const struct image *picture, struct random r,
                     float *scratch, float *out);
/* A validation picture, which has the size already. */
void augment_plain(const struct augmenter *a, const struct image *picture, float *out);

#endif
