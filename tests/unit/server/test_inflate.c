#include "server/inflate.h"
#include "tests/test.h"

#include <zlib.h>

struct collected {
	uint8_t *bytes;
	size_t len, limit, most;
};

static bool collect(void *ctx, const void *bytes, size_t len)
{
	struct collected *c = ctx;
	if (len > c->most)
		c->most = len;
	if (len > c->limit - c->len)
		return false;
	memcpy(c->bytes + c->len, bytes, len);
	c->len += len;
	return true;
}

static struct collected room(size_t limit)
{
	struct collected c = {.bytes = malloc(limit + 1), .limit = limit};
	CHECK(c.bytes != NULL);
	return c;
}

static uint8_t *compress_with(int window, const void *bytes, size_t len, size_t *out_len)
{
	z_stream z = {0};
	CHECK_INT(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
	size_t bound = deflateBound(&z, len) + 64;
	uint8_t *out = malloc(bound);
	z.next_in = (uint8_t *)bytes;
	z.avail_in = (unsigned)len;
	z.next_out = out;
	z.avail_out = (unsigned)bound;
	CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
	*out_len = z.total_out;
	deflateEnd(&z);
	return out;
}

/* Inflate in pieces of `step` bytes. */
static enum inflate_result feed(struct inflater *f, const uint8_t *bytes, size_t len, size_t step,
                                struct collected *c)
{
	for (size_t at = 0; at < len; at += step) {
		size_t n = len - at < step ? len - at : step;
		/* A copy of its own, so that a sanitizer sees a read past its end. */
		uint8_t *piece = malloc(n);
		memcpy(piece, bytes + at, n);
		enum inflate_result result = inflater_run(f, piece, n, collect, c);
		free(piece);
		if (result != INFLATE_OK)
			return result;
	}
	return INFLATE_OK;
}

static uint8_t *make_text(size_t len)
{
	uint8_t *text = malloc(len);
	uint32_t x = 1;
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		text[i] = (uint8_t)((x >> 28) + 'a');
	}
	return text;
}

static void encodings_are_told_apart(void)
{
	CHECK_INT(inflate_format(NULL), INFLATE_NONE);
	CHECK_INT(inflate_format("identity"), INFLATE_NONE);
	CHECK_INT(inflate_format("gzip"), INFLATE_GZIP);
	CHECK_INT(inflate_format("X-GZip"), INFLATE_GZIP);
	CHECK_INT(inflate_format("Deflate"), INFLATE_DEFLATE);
	const char *const unknown[] = {"", "br", "gzip, gzip", "gzip,identity", "zstd", "gzip;q=1"};
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
		CHECK_INT(inflate_format(unknown[i]), INFLATE_UNKNOWN);
}

static void every_format_in_every_piece_size(void)
{
	static const struct {
		int window;
		enum inflate_format format;
	} how[] = {{15 + 16, INFLATE_GZIP},
	           {15, INFLATE_DEFLATE},
	           {9, INFLATE_DEFLATE},
	           {-15, INFLATE_DEFLATE}};
	static const size_t steps[] = {1, 2, 3, 1000, 1 << 20}, lens[] = {0, 1, 16384, 100000};
	for (size_t h = 0; h < sizeof how / sizeof how[0]; h++) {
		for (size_t l = 0; l < sizeof lens / sizeof lens[0]; l++) {
			size_t len;
			uint8_t *text = make_text(lens[l] + 1);
			uint8_t *packed = compress_with(how[h].window, text, lens[l], &len);
			for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
				struct inflater *f = inflater_new(how[h].format);
				struct collected c = room(lens[l]);
				CHECK(!inflater_is_complete(f));
				CHECK_INT(feed(f, packed, len, steps[s], &c), INFLATE_OK);
				CHECK(inflater_is_complete(f));
				CHECK(c.len == lens[l] && memcmp(c.bytes, text, c.len) == 0);
				/* Nothing may follow, but for another member of a gzip file. */
				CHECK_INT(feed(f, (const uint8_t *)"xx", 2, 1, &c), INFLATE_BROKEN);
				inflater_free(f);
				free(c.bytes);
			}
			free(text);
			free(packed);
		}
	}
	inflater_free(NULL);
}

static void gzip_files_have_members(void)
{
	size_t len;
	uint8_t *packed = compress_with(15 + 16, "hello ", 6, &len), *two = malloc(2 * len);
	memcpy(two, packed, len);
	memcpy(two + len, packed, len);
	for (size_t step = 1; step < 2 * len + 2; step++) {
		struct inflater *f = inflater_new(INFLATE_GZIP);
		struct collected c = room(100);
		CHECK_INT(feed(f, two, 2 * len, step, &c), INFLATE_OK);
		CHECK(inflater_is_complete(f));
		CHECK(c.len == 12 && memcmp(c.bytes, "hello hello ", 12) == 0);
		inflater_free(f);
		free(c.bytes);
	}
	free(packed);
	free(two);
}

static void a_bomb_is_stopped_at_the_limit(void)
{
	size_t len, zeros = 64u << 20;
	uint8_t *text = calloc(1, zeros), *packed = compress_with(15 + 16, text, zeros, &len);
	CHECK(len < 100000);
	struct inflater *f = inflater_new(INFLATE_GZIP);
	struct collected c = room(100000);
	CHECK_INT(feed(f, packed, len, len, &c), INFLATE_STOPPED);
	CHECK(c.len <= 100000 && c.most <= 16384);
	inflater_free(f);
	free(c.bytes);
	free(text);
	free(packed);
}

/* Whatever is cut or changed: no crash, and a cut stream is not complete. */
static void broken_streams_are_noticed(void)
{
	size_t len;
	uint8_t *text = make_text(3000), *packed = compress_with(15 + 16, text, 3000, &len);
	for (size_t cut = 0; cut < len; cut++) {
		struct inflater *f = inflater_new(INFLATE_GZIP);
		struct collected c = room(3000);
		CHECK_INT(feed(f, packed, cut, 700, &c), INFLATE_OK);
		CHECK(!inflater_is_complete(f));
		inflater_free(f);
		free(c.bytes);
	}
	for (size_t at = 0; at < len; at++) {
		struct inflater *f = inflater_new(INFLATE_GZIP);
		struct collected c = room(100000);
		uint8_t was = packed[at];
		packed[at] ^= 0x55;
		enum inflate_result result = feed(f, packed, len, 500, &c);
		bool same = c.len == 3000 && memcmp(c.bytes, text, 3000) == 0;
		CHECK(result != INFLATE_OK || !inflater_is_complete(f) || same);
		packed[at] = was;
		inflater_free(f);
		free(c.bytes);
	}
	free(text);
	free(packed);
}

static void a_dictionary_is_not_known(void)
{
	static const uint8_t asks[] = {0x78, 0xbb, 1, 2, 3, 4, 5, 6};
	struct inflater *f = inflater_new(INFLATE_DEFLATE);
	struct collected c = room(100);
	CHECK_INT(feed(f, asks, sizeof asks, 8, &c), INFLATE_BROKEN);
	inflater_free(f);
	free(c.bytes);
}

TEST_MAIN({"encodings_are_told_apart", encodings_are_told_apart},
          {"every_format_in_every_piece_size", every_format_in_every_piece_size},
          {"gzip_files_have_members", gzip_files_have_members},
          {"a_bomb_is_stopped_at_the_limit", a_bomb_is_stopped_at_the_limit},
          {"broken_streams_are_noticed", broken_streams_are_noticed},
          {"a_dictionary_is_not_known", a_dictionary_is_not_known})
