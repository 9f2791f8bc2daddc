/* The plain C that stands in for AVX-512 (tests/kernels/emulated): against what the instructions are
 * documented to do, and against the instructions where this CPU has them. */
#include "engine/base/cpu.h"
#include "tests/kernels/emulated/intrinsics.h"
#include "tests/kernels/guarded.h"

#include <float.h>
#include <signal.h>

enum { LANES = INTRINSICS_LANES };

static const float special[] = {0,      -0.0f,   1,        -1,      INFINITY, -INFINITY,
                                NAN,    FLT_MAX, -FLT_MAX, FLT_MIN, 3e-45f,   -3e-45f,
                                1e-30f, 1e20f,   0.1f,     -2.5f,   1.1e-38f, 1 + FLT_EPSILON};

enum { SPECIALS = sizeof special / sizeof special[0] };

/* Special values in all combinations, mixed with ordinary ones. */
static void fill(struct intrinsics *i, uint32_t *seed)
{
	memset(i, 0, sizeof *i);
	for (size_t k = 0; k < LANES; k++) {
		float *operand[] = {&i->a[k], &i->b[k], &i->c[k]};
		for (size_t o = 0; o < 3; o++) {
			float x = next_number(seed);
			*operand[o] = *seed >> 10 & 1 ? x : special[(*seed >> 11) % SPECIALS];
		}
	}
	next_number(seed);
	i->mask = (uint16_t)(*seed >> 16);
}

static void expect(const char *what, const struct intrinsics *i, size_t k, float got, float want)
{
	if (same_float(got, want))
		return;
	fprintf(stderr, "%s of %.9g, %.9g, %.9g, mask %x, lane %zu: %.9g, want %.9g\n", what,
	        (double)i->a[k], (double)i->b[k], (double)i->c[k], i->mask, k, (double)got,
	        (double)want);
	exit(TEST_EXIT_FAILED);
}

/* The Intrinsics Guide's "Operation" of each. */
static void does_what_is_documented(void)
{
	uint32_t seed = 1;
	for (int round = 0; round < 20000; round++) {
		struct intrinsics i;
		fill(&i, &seed);
		intrinsics_emulated(&i);
		const struct intrinsics_results *r = &i.result;
		CHECK(same_float(r->cvtss, i.a[0]));
		for (size_t k = 0; k < LANES; k++) {
			float a = i.a[k], b = i.b[k];
			bool lane = i.mask >> k & 1, second = isnan(a) || isnan(b) || a == b;
			expect("set1", &i, k, r->set1[k], i.a[3]);
			expect("setzero", &i, k, r->setzero[k], 0);
			expect("maskz_loadu", &i, k, r->maskz_load[k], lane ? a : 0);
			expect("mask_storeu", &i, k, r->mask_store[k], lane ? a : i.c[k]);
			expect("add", &i, k, r->add[k], a + b);
			expect("mul", &i, k, r->mul[k], a * b);
			expect("min", &i, k, r->min[k], second ? b : fminf(a, b));
			expect("max", &i, k, r->max[k], second ? b : fmaxf(a, b));
		}
	}
}

static void fill_integers(struct integers *i, uint32_t *seed)
{
	static const int32_t hard[] = {0,         -1, INT32_MIN, INT32_MAX, (int32_t)0x80008000,
	                               0x7fff8000};
	memset(i, 0, sizeof *i);
	for (size_t k = 0; k < LANES; k++) {
		float x = next_number(seed);
		bool odd = *seed >> 10 & 1;
		i->x[k] = odd ? special[(*seed >> 11) % SPECIALS] : x * 0x1p9f;
		i->a[k] = odd ? hard[(*seed >> 12) % 6] : (int32_t)(*seed * 2654435761u);
		i->b[k] = *seed >> 9 & 1 ? hard[(*seed >> 17) % 6] : (int32_t)(*seed * 40503u);
		i->bytes[k] = (uint8_t)(*seed >> 20);
	}
	next_number(seed);
	i->mask = (uint16_t)(*seed >> 16);
	next_number(seed);
	i->halves = *seed;
}

static int32_t half(int32_t x, int which)
{
	return (int16_t)((uint32_t)x >> 16 * which);
}

static void integers_do_what_is_documented(void)
{
	uint32_t seed = 3;
	for (int round = 0; round < 20000; round++) {
		struct integers i;
		fill_integers(&i, &seed);
		integers_emulated(&i);
		const struct integers_results *r = &i.result;
		for (size_t k = 0; k < LANES; k++) {
			int32_t a = i.a[k], b = i.b[k];
			bool lane = i.mask >> k & 1;
			CHECK_INT(r->set1[k], i.a[3]);
			CHECK_INT(r->load[k], lane ? a : 0);
			CHECK_INT(r->from_u8[k], lane ? i.bytes[k] : 0);
			CHECK_INT(r->from_s8[k], lane ? (int8_t)i.bytes[k] : 0);
			CHECK_INT(r->shifted[k], (int32_t)((uint32_t)a << 16));
			for (int h = 0; h < 2; h++)
				CHECK_INT(half(r->blended[k], h),
				          half(i.halves >> (2 * k + (size_t)h) & 1 ? b : a, h));
			CHECK_INT(r->add[k], (int32_t)((int64_t)a + b));
			CHECK_INT(r->madd[k], (int32_t)((int64_t)half(a, 0) * half(b, 0) +
			                                (int64_t)half(a, 1) * half(b, 1)));
			bool fits = fabsf(i.x[k]) < 0x1p31f;
			CHECK_INT(r->from_float[k], fits ? (int32_t)lrintf(i.x[k]) : INT32_MIN);
			CHECK(same_float(r->to_float[k], (float)a));
			CHECK_INT(r->to_bytes[k], lane ? (uint8_t)a : i.bytes[k]);
		}
	}
}

static void products_of_bytes_are_added(void)
{
	uint32_t seed = 4;
	for (int round = 0; round < 20000; round++) {
		struct integers i;
		int32_t got[LANES];
		fill_integers(&i, &seed);
		add_products_emulated(i.b, i.a, i.b, got);
		for (size_t k = 0; k < LANES; k++) {
			int64_t want = i.b[k];
			for (int h = 0; h < 32; h += 8)
				want += (int64_t)((uint32_t)i.a[k] >> h & 255) *
				        (int8_t)((uint32_t)i.b[k] >> h & 255);
			CHECK_INT(got[k], (int32_t)want);
		}
#ifdef __x86_64__
		if (cpu_isa() >= CNN_ISA_VNNI) {
			int32_t cpu[LANES];
			add_products_native(i.b, i.a, i.b, cpu);
			CHECK(memcmp(cpu, got, sizeof got) == 0);
		}
#endif
	}
}

/* The product is not rounded before the sum. */
static void multiply_add_rounds_once(void)
{
	struct intrinsics i = {.a = {1 + FLT_EPSILON, FLT_MAX, FLT_MIN},
	                       .b = {1 + FLT_EPSILON, 2, FLT_EPSILON / 2},
	                       .c = {-1 - 2 * FLT_EPSILON, -FLT_MAX, FLT_MIN}};
	intrinsics_emulated(&i);
	CHECK(i.result.fmadd[0] == FLT_EPSILON * FLT_EPSILON);
	CHECK(i.result.fmadd[1] == FLT_MAX);
	CHECK(i.result.fmadd[2] == FLT_MIN);
}

typedef void copy_fn(const void *from, uint16_t mask, void *to);

/* Lanes outside of the mask may lie on pages that cannot be touched. */
static void check_masked_memory(copy_fn *copy)
{
	struct zones in = zones_new(1, LANES), out = zones_new(1, LANES);
	for (size_t n = 0; n <= LANES; n++)
		for (int end = 0; end < 2; end++) {
			enum flush flush = end ? FLUSH_END : FLUSH_START;
			uint16_t mask = (uint16_t)((1u << n) - 1);
			float *from = zone_place(&in, 0, n * sizeof *from, flush);
			float *to = zone_place(&out, 0, n * sizeof *to, flush);
			zone_fill(&out, 0);
			for (size_t k = 0; k < n; k++)
				from[k] = (float)k;
			if (!end) { /* the last n lanes, what is before them forbidden */
				mask = (uint16_t)(mask << (LANES - n));
				from -= LANES - n;
				to -= LANES - n;
			}
			copy(from, mask, to);
			CHECK_INT(zone_canaries(&out, 0), out.bytes / sizeof(float) - n);
			for (size_t k = 0; k < LANES; k++)
				CHECK(!(mask >> k & 1) || to[k] == from[k]);
		}
	zones_free(&in);
	zones_free(&out);
}

/* The same of bytes and of what is narrowed to them. */
static void check_masked_bytes(void (*run)(const void *, uint16_t, void *))
{
	struct zones in = zones_new(1, LANES), out = zones_new(1, LANES);
	for (size_t n = 0; n <= LANES; n++) {
		uint8_t *from = zone_place(&in, 0, n, FLUSH_END);
		uint8_t *to = zone_place(&out, 0, n, FLUSH_END);
		memset(from, (int)n + 100, n);
		run(from, (uint16_t)((1u << n) - 1), to);
		CHECK(memcmp(from, to, n) == 0);
	}
	zones_free(&in);
	zones_free(&out);
}

static void masked_lanes_touch_no_memory(void)
{
	check_masked_memory(copy_masked_emulated);
	check_masked_bytes(copy_bytes_emulated);
}

static bool dies(void (*copy)(const void *from, void *to), const void *from, void *to)
{
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGILL, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		copy(from, to);
		_exit(0);
	}
	int status = 0;
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void unaligned_address_is_a_fault(void)
{
	_Alignas(64) float from[LANES + 1] = {0}, to[LANES + 1];
	CHECK(!dies(copy_aligned_emulated, from, to));
	CHECK(dies(copy_aligned_emulated, from + 1, to));
	CHECK(dies(copy_aligned_emulated, from, to + 1));
}

static void agrees_with_the_cpu(void)
{
#ifdef __x86_64__
	if (cpu_isa() >= CNN_ISA_AVX512) {
		uint32_t seed = 2;
		for (int round = 0; round < 20000; round++) {
			struct intrinsics mine, cpu;
			fill(&mine, &seed);
			cpu = mine;
			intrinsics_emulated(&mine);
			intrinsics_native(&cpu);
			const float *got = (const float *)&mine.result,
				    *want = (const float *)&cpu.result;
			for (size_t k = 0; k < sizeof mine.result / sizeof *got; k++)
				if (!same_float(got[k], want[k])) {
					fprintf(stderr, "result %zu: %.9g, the CPU's is %.9g\n", k,
					        (double)got[k], (double)want[k]);
					exit(TEST_EXIT_FAILED);
				}
		}
		for (int round = 0; round < 20000; round++) {
			struct integers mine, cpu;
			fill_integers(&mine, &seed);
			cpu = mine;
			integers_emulated(&mine);
			integers_native(&cpu);
			CHECK(memcmp(&mine.result, &cpu.result, sizeof mine.result) == 0);
		}
		check_masked_memory(copy_masked_native);
		check_masked_bytes(copy_bytes_native);
		_Alignas(64) float from[LANES + 1] = {0}, to[LANES + 1];
		CHECK(!dies(copy_aligned_native, from, to));
		CHECK(dies(copy_aligned_native, from + 1, to));
		CHECK(dies(copy_aligned_native, from, to + 1));
		return;
	}
#endif
	SKIP("no AVX-512 here");
}

TEST_MAIN({"does_what_is_documented", does_what_is_documented},
          {"integers_do_what_is_documented", integers_do_what_is_documented},
          {"products_of_bytes_are_added", products_of_bytes_are_added},
          {"multiply_add_rounds_once", multiply_add_rounds_once},
          {"masked_lanes_touch_no_memory", masked_lanes_touch_no_memory},
          {"unaligned_address_is_a_fault", unaligned_address_is_a_fault},
          {"agrees_with_the_cpu", agrees_with_the_cpu})
