/* Pictures as training shows them. Each picture ends or begins at a page that cannot be touched. */
#include "engine/train/augment.h"
#include "tests/kernels/guarded.h"

enum { MAX_SIDE = 40, MAX_FLOATS = MAX_SIDE * MAX_SIDE * 3, SEEDS = 300 };

struct show {
	struct augmenter a;
	struct image picture;
	struct zones pixels, scratch, out;
	float *made; /* [size][size][channels] */
};

static struct show show_new(int32_t size, int32_t resize_short, int32_t channels)
{
	struct show s = {0};
	s.a = (struct augmenter){.size = size,
	                         .resize_short = resize_short,
	                         .channels = channels,
	                         .mean = {0.25f, 0.5f, 0.125f},
	                         .inverse_std = {2, 4, 3}};
	s.pixels = zones_new(1, MAX_FLOATS);
	s.scratch = zones_new(1, MAX_FLOATS);
	s.out = zones_new(1, MAX_FLOATS);
	return s;
}

static void show_free(struct show *s)
{
	zones_free(&s->pixels);
	zones_free(&s->scratch);
	zones_free(&s->out);
}

static size_t floats(const struct show *s)
{
	return (size_t)s->a.size * (size_t)s->a.size * (size_t)s->a.channels;
}

/* A picture of one colour, or of noise when it is negative. */
static void paint(struct show *s, int32_t width, int32_t height, int colour, enum flush flush)
{
	size_t n = (size_t)width * (size_t)height * (size_t)s->a.channels;
	struct random r = random_seeded(1, 2, (uint64_t)width << 32 | (uint32_t)height);
	s->picture = (struct image){NULL, width, height, s->a.channels};
	s->picture.px = zone_place(&s->pixels, 0, n, flush);
	for (size_t i = 0; i < n; i++)
		s->picture.px[i] = (uint8_t)(colour < 0 ? random_below(&r, 256) : (uint32_t)colour);
}

static const float *shown(struct show *s, uint64_t seed)
{
	zone_fill(&s->out, 0);
	float *scratch =
		zone_place(&s->scratch, 0, augment_scratch(&s->a) * sizeof *scratch, FLUSH_END);
	s->made = zone_place(&s->out, 0, floats(s) * sizeof *s->made, FLUSH_END);
	augment_picture(&s->a, &s->picture, random_seeded(seed, 0, 0), scratch, s->made);
	CHECK_INT(zone_canaries(&s->out, 0), s->out.bytes / sizeof(float) - floats(s));
	return s->made;
}

static float value_of(const struct show *s, double pixel, size_t channel)
{
	return ((float)pixel / 255 - s->a.mean[channel]) * s->a.inverse_std[channel];
}

/* What is made when nothing is augmented is what a server would cut out, odd margins included. */
static void nothing_is_a_crop(void)
{
	static const int32_t side[][2] = {{20, 20}, {20, 27}, {26, 20}, {33, 20}, {20, 31}};
	for (int32_t channels = 1; channels <= 3; channels += 2)
		for (int32_t size = 15; size <= 20; size++)
			for (size_t i = 0; i < sizeof side / sizeof side[0]; i++) {
				struct show s = show_new(size, 20, channels);
				const struct image_fit fit = {size, size, channels, 20,
				                              IMAGE_CROP_CENTER};
				struct image want = {0};
				struct cnn_error err;
				paint(&s, side[i][0], side[i][1], -1, FLUSH_END);
				CHECK_INT(image_fit_to(&s.picture, &fit, &want, &err), CNN_OK);
				const float *got = shown(&s, i);
				size_t c = (size_t)channels;
				for (size_t k = 0; k < floats(&s); k++)
					CHECK_NEAR(got[k], value_of(&s, want.px[k], k % c), 1e-5);
				/* A validation picture is that cut. */
				float plain[MAX_FLOATS];
				augment_plain(&s.a, &want, plain);
				for (size_t k = 0; k < floats(&s); k++)
					CHECK_NEAR(plain[k], got[k], 1e-5);
				image_clear(&want);
				show_free(&s);
			}
}

/* A larger file than what it is resized to is read between its pixels: the mean stays. */
static void large_pictures_shrink(void)
{
	struct show s = show_new(10, 10, 1);
	paint(&s, 20, 20, 0, FLUSH_END);
	for (size_t i = 0; i < 400; i++)
		s.picture.px[i] = (uint8_t)(i % 20 * 10);
	const float *got = shown(&s, 0);
	for (size_t i = 0; i < 100; i++)
		CHECK_NEAR(got[i], value_of(&s, (double)(i % 10) * 20 + 5, 0), 1e-5);
	show_free(&s);
}

static void flip_mirrors(void)
{
	struct show s = show_new(13, 16, 3);
	float plain[MAX_FLOATS];
	size_t flipped = 0;
	paint(&s, 16, 19, -1, FLUSH_START);
	memcpy(plain, shown(&s, 0), floats(&s) * sizeof *plain);
	s.a.how.flip = true;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		const float *got = shown(&s, seed);
		bool same = memcmp(got, plain, floats(&s) * sizeof *plain) == 0;
		flipped += !same;
		for (size_t i = 0; i < floats(&s) && !same; i++) {
			size_t c = i % 3, x = i / 3 % 13, y = i / 39;
			CHECK(got[i] == plain[(y * 13 + 12 - x) * 3 + c]);
		}
	}
	CHECK_NEAR(flipped, SEEDS / 2.0, SEEDS / 8.0);
	show_free(&s);
}

static const struct train_augment everything = {
	.min_area = 0.2, .pad = 3, .flip = true, .jitter = 0.4, .cutout = 0.3};

static void same_seed_same_picture(void)
{
	struct show s = show_new(12, 14, 3);
	float before[MAX_FLOATS];
	s.a.how = everything;
	paint(&s, 14, 22, -1, FLUSH_END);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		memcpy(before, shown(&s, seed), floats(&s) * sizeof *before);
		CHECK(memcmp(before, shown(&s, seed), floats(&s) * sizeof *before) == 0);
		CHECK(memcmp(before, shown(&s, seed + 1), floats(&s) * sizeof *before) != 0);
	}
	show_free(&s);
}

/* Pictures of a pixel, of a row, smaller than what is asked for: a read past an end would be a crash. */
static void reads_only_the_picture(void)
{
	static const int32_t side[][2] = {{1, 1},  {1, 9}, {9, 1},  {2, 40},
	                                  {40, 3}, {7, 7}, {40, 40}};
	for (int32_t channels = 1; channels <= 3; channels += 2)
		for (size_t i = 0; i < sizeof side / sizeof side[0]; i++) {
			struct show s = show_new(16, 18, channels);
			for (uint64_t seed = 0; seed < SEEDS; seed++) {
				s.a.how = everything;
				s.a.how.min_area = seed % 3 ? 0.05 : 0;
				s.a.how.pad = (int32_t)(seed % 40);
				paint(&s, side[i][0], side[i][1], -1, (enum flush)(seed % 2));
				const float *got = shown(&s, seed);
				for (size_t k = 0; k < floats(&s); k++)
					CHECK(got[k] >= value_of(&s, 0, k % (size_t)channels) &&
					      got[k] <= value_of(&s, 255, k % (size_t)channels));
			}
			show_free(&s);
		}
}

/* Rows and columns of `value`, counted along both sides of the picture. */
static void count_lines(const struct show *s, const float *x, float value, size_t *rows,
                        size_t *columns)
{
	size_t size = (size_t)s->a.size;
	*rows = *columns = 0;
	for (size_t i = 0; i < size; i++) {
		bool row = true, column = true;
		for (size_t k = 0; k < size; k++) {
			row &= x[i * size + k] == value;
			column &= x[k * size + i] == value;
		}
		*rows += row;
		*columns += column;
	}
}

static void padding_is_black(void)
{
	struct show s = show_new(12, 12, 1);
	size_t seen[5] = {0};
	s.a.how.pad = 4;
	paint(&s, 12, 12, 255, FLUSH_END);
	float black = value_of(&s, 0, 0), white = value_of(&s, 255, 0);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		const float *got = shown(&s, seed);
		size_t rows, columns, blacks = 0;
		count_lines(&s, got, black, &rows, &columns);
		CHECK(rows <= 4 && columns <= 4);
		for (size_t i = 0; i < 144; i++) {
			CHECK(got[i] == black || got[i] == white);
			blacks += got[i] == black;
		}
		CHECK_INT(blacks, 144 - (12 - rows) * (12 - columns));
		seen[rows]++;
		seen[columns]++;
	}
	/* Each of the 9 places is as likely as another; two of them give all but the middle. */
	for (size_t i = 0; i < 5; i++)
		CHECK_NEAR(seen[i], (i ? 2 : 1) * 2 * SEEDS / 9.0, SEEDS / 8.0);
	show_free(&s);
}

/* A part of the picture is inside of it. */
static void parts_are_inside(void)
{
	struct show s = show_new(12, 12, 3);
	s.a.how.min_area = 0.08;
	paint(&s, 12, 30, 255, FLUSH_END);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		const float *got = shown(&s, seed);
		for (size_t i = 0; i < floats(&s); i++)
			CHECK(got[i] == value_of(&s, 255, i % 3));
	}
	show_free(&s);
}

/* The share of the side, about a place anywhere in the picture, and so cut off at its borders. */
static void cutout_area(void)
{
	struct show s = show_new(20, 20, 3);
	size_t cut = 0, whole = 0;
	s.a.how.cutout = 0.4;
	paint(&s, 20, 20, 255, FLUSH_END);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		const float *got = shown(&s, seed);
		size_t least[2] = {20, 20}, most[2] = {0, 0}, gray = 0;
		for (size_t i = 0; i < 400; i++) {
			size_t at[] = {i / 20, i % 20};
			CHECK((got[3 * i] == 0) == (got[3 * i + 1] == 0));
			CHECK((got[3 * i] == 0) == (got[3 * i + 2] == 0));
			for (int k = 0; k < 2 && got[3 * i] == 0; k++) {
				least[k] = at[k] < least[k] ? at[k] : least[k];
				most[k] = at[k] > most[k] ? at[k] : most[k];
			}
			gray += got[3 * i] == 0;
		}
		if (!gray)
			continue;
		size_t height = most[0] + 1 - least[0], width = most[1] + 1 - least[1];
		CHECK_INT(gray, height * width);
		CHECK(height >= 4 && height <= 8 && width >= 4 && width <= 8);
		CHECK(height == 8 || least[0] == 0 || most[0] == 19);
		CHECK(width == 8 || least[1] == 0 || most[1] == 19);
		cut++;
		whole += gray == 64;
	}
	CHECK_NEAR(cut, SEEDS / 2.0, SEEDS / 8.0);
	/* 13 of 20 places along each side. */
	CHECK_NEAR(whole, (double)cut * 13 * 13 / 400, SEEDS / 16.0);
	show_free(&s);
}

/* Gray stays gray, and brightness is within its share. */
static void jitter(void)
{
	struct show s = show_new(8, 8, 3);
	double least = INFINITY, most = 0;
	s.a.how.jitter = 0.3;
	paint(&s, 8, 8, 100, FLUSH_END);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		const float *got = shown(&s, seed);
		double pixel[3];
		for (size_t i = 0; i < floats(&s); i++) {
			size_t c = i % 3;
			pixel[c] =
				255 * ((double)(got[i] / s.a.inverse_std[c]) + (double)s.a.mean[c]);
			CHECK(pixel[c] > 69.99 && pixel[c] < 130.01);
			if (c == 2)
				CHECK(fabs(pixel[0] - pixel[1]) < 1e-3 &&
				      fabs(pixel[0] - pixel[2]) < 1e-3);
		}
		least = fmin(least, pixel[0]);
		most = fmax(most, pixel[0]);
	}
	CHECK(least < 75 && most > 125);
	show_free(&s);
}

TEST_MAIN({"nothing_is_a_crop", nothing_is_a_crop},
          {"large_pictures_shrink", large_pictures_shrink}, {"flip_mirrors", flip_mirrors},
          {"same_seed_same_picture", same_seed_same_picture},
          {"reads_only_the_picture", reads_only_the_picture},
          {"padding_is_black", padding_is_black}, {"parts_are_inside", parts_are_inside},
          {"cutout_area", cutout_area}, {"jitter", jitter})
