/* unary_f32, binary_f32, softmax_f32 and layer_norm_f32 of every level that runs here, against the formulas in double
 * precision. */
#include "engine/kernels/elementwise.h"
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

#include <float.h>

/* Those of the level that is tested. */
static struct kernels k;

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static double clamp(double x, double lo, double hi)
{
	x = x < lo ? lo : x;
	return x > hi ? hi : x;
}

static double unary_reference(enum unary f, double x, double p, double q)
{
	switch (f) {
	case UNARY_CLAMP:
		return clamp(x, p, q);
	case UNARY_LEAKY:
		return x < 0 ? p * x : x;
	case UNARY_ELU:
		return x < 0 ? p * expm1(x) : x;
	case UNARY_SELU:
		return q * (x > 0 ? x : p * expm1(x));
	case UNARY_SIGMOID:
		return 1 / (1 + exp(-x));
	case UNARY_SILU:
		return x * (1 / (1 + exp(-x)));
	case UNARY_HARD_SIGMOID:
		return clamp(p * x + q, 0, 1);
	case UNARY_HARD_SWISH:
		return x * clamp(x / 6 + 0.5, 0, 1);
	case UNARY_TANH:
		return tanh(x);
	case UNARY_SOFTPLUS:
		return (x > 0 ? x : 0) + log1p(exp(-fabs(x))) + (x != x ? x : 0);
	case UNARY_ERF:
		return erf(x);
	case UNARY_EXP:
		return exp(x);
	case UNARY_LOG:
		return log(x);
	case UNARY_SQRT:
		return sqrt(x);
	case UNARY_ABS:
		return fabs(x);
	case UNARY_NEG:
		return -x;
	case UNARY_FLOOR:
		return floor(x);
	case UNARY_CEIL:
		return ceil(x);
	case UNARY_RECIPROCAL:
		return 1 / x;
	case UNARY_CELU:
		return x < 0 ? p * expm1(x / p) : x;
	case UNARY_MISH:
		return x * tanh((x > 0 ? x : 0) + log1p(exp(-fabs(x))));
	case UNARY_SOFTSIGN:
		return x / (1 + fabs(x));
	case UNARY_GELU:
		return 0.5 * x * erfc(-x / sqrt(2));
	case UNARY_GELU_TANH:
		return x / (1 + exp(-1.59576912160573 * (x + 0.044715 * (x * x * x))));
	case UNARY_SIGN:
		return x > 0 ? 1 : x < 0 ? -1 : x;
	case UNARY_ROUND:
		return rint(x);
	case UNARY_AFFINE:
		return p * x + q;
	case UNARY_COUNT:
		break;
	}
	return NAN;
}

/* What is lost by cancellation in p * x + q before the result is formed. */
static double cancelled(enum unary f, double x, double p, double q)
{
	switch (f) {
	case UNARY_HARD_SIGMOID:
	case UNARY_AFFINE:
		return fabs(p * x) + fabs(q);
	case UNARY_HARD_SWISH:
		return x > -3.1 && x < 3.1 ? fabs(x) : 0;
	case UNARY_SIGMOID: /* exp(x) is no normal number there, and 0 is as good */
	case UNARY_SILU:
		return x < -86 ? (isinf(x) ? 0 : 1e-31 * -x) : 0;
	case UNARY_MISH:
		return x < -86 ? 1e-36 : 0;
	case UNARY_GELU: /* rounding errors of what exp is taken of, times the value */
		return fabs((1 + (x < 0 ? x * x : 0)) * unary_reference(f, x, p, q)) + 1e-36;
	case UNARY_GELU_TANH:
		return x < 0 ? fabs(x * x * x * unary_reference(f, x, p, q)) + 1e-30 : 0;
	default:
		return 0;
	}
}

static bool near(double got, double want, double slack)
{
	if (isnan(want) || isnan(got))
		return isnan(want) && isnan(got);
	if (fabs(want) > (double)FLT_MAX * (1 + 3e-8)) /* rounds to infinity */
		return got == (want < 0 ? -INFINITY : INFINITY);
	if (isinf(got))
		return fabs(want) > (double)FLT_MAX * (1 - 3e-7) && (got < 0) == (want < 0);
	return fabs(got - want) <= 3e-7 * (fabs(want) + slack) + 1.5e-45;
}

static const char *const unary_names[UNARY_COUNT] = {
	[UNARY_CLAMP] = "clamp",
	[UNARY_LEAKY] = "leaky",
	[UNARY_ELU] = "elu",
	[UNARY_SELU] = "selu",
	[UNARY_SIGMOID] = "sigmoid",
	[UNARY_SILU] = "silu",
	[UNARY_HARD_SIGMOID] = "hard_sigmoid",
	[UNARY_HARD_SWISH] = "hard_swish",
	[UNARY_TANH] = "tanh",
	[UNARY_SOFTPLUS] = "softplus",
	[UNARY_ERF] = "erf",
	[UNARY_EXP] = "exp",
	[UNARY_LOG] = "log",
	[UNARY_SQRT] = "sqrt",
	[UNARY_ABS] = "abs",
	[UNARY_NEG] = "neg",
	[UNARY_FLOOR] = "floor",
	[UNARY_CEIL] = "ceil",
	[UNARY_RECIPROCAL] = "reciprocal",
	[UNARY_CELU] = "celu",
	[UNARY_MISH] = "mish",
	[UNARY_SOFTSIGN] = "softsign",
	[UNARY_GELU] = "gelu",
	[UNARY_GELU_TANH] = "gelu_tanh",
	[UNARY_SIGN] = "sign",
	[UNARY_ROUND] = "round",
	[UNARY_AFFINE] = "affine",
};

static const struct {
	float p, q;
} parameters[UNARY_COUNT] = {
	[UNARY_CLAMP] = {-1.5f, 6},
	[UNARY_LEAKY] = {0.01f, 0},
	[UNARY_ELU] = {1.25f, 0},
	[UNARY_SELU] = {1.67326319f, 1.05070102f},
	[UNARY_HARD_SIGMOID] = {0.2f, 0.5f},
	[UNARY_CELU] = {1.25f, 0},
	[UNARY_AFFINE] = {0.75f, -2.5f},
};

enum { BLOCK = 1000 };

static void check_block(enum unary f, const float *x, size_t n)
{
	float y[BLOCK], p = parameters[f].p, q = parameters[f].q;
	k.unary_f32(f, n, x, p, q, y);
	for (size_t i = 0; i < n; i++) {
		double want = unary_reference(f, (double)x[i], (double)p, (double)q);
		double slack = cancelled(f, (double)x[i], (double)p, (double)q);
		if (!near((double)y[i], want, slack)) {
			fprintf(stderr, "%s(%.9g) is %.9g, want %.9g\n", unary_names[f],
			        (double)x[i], (double)y[i], want);
			CHECK(near((double)y[i], want, slack));
		}
	}
}

/* Every sign and exponent, NaNs and infinities among them, with many fractions. */
static void unary_over_all_floats(void)
{
	for (int f = 0; f < UNARY_COUNT; f++) {
		CHECK(unary_names[f] != NULL);
		float x[BLOCK];
		size_t n = 0;
		for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 21013) {
			uint32_t word = (uint32_t)bits;
			memcpy(&x[n++], &word, sizeof word);
			if (n == BLOCK || bits + 21013 > UINT32_MAX) {
				check_block((enum unary)f, x, n);
				n = 0;
			}
		}
	}
}

/* Where the activations bend, more densely. */
static void unary_near_zero(void)
{
	for (int f = 0; f < UNARY_COUNT; f++)
		for (float from = -110; from < 110; from += 1) {
			float x[BLOCK];
			for (size_t i = 0; i < BLOCK; i++)
				x[i] = from + (float)i / BLOCK;
			check_block((enum unary)f, x, BLOCK);
		}
}

static void unary_special_values(void)
{
	static const float x[] = {0,
	                          -0.0f,
	                          1,
	                          -1,
	                          INFINITY,
	                          -INFINITY,
	                          NAN,
	                          FLT_MAX,
	                          -FLT_MAX,
	                          FLT_MIN,
	                          -FLT_MIN,
	                          FLT_TRUE_MIN,
	                          -FLT_TRUE_MIN,
	                          88.7228317f,
	                          88.7228394f,
	                          -87.3365479f,
	                          -103.278931f,
	                          -103.972084f,
	                          -104,
	                          104,
	                          0.5f,
	                          -0.5f,
	                          3,
	                          -3};
	for (int f = 0; f < UNARY_COUNT; f++)
		check_block((enum unary)f, x, COUNT(x));
	float y;
	k.unary_f32(UNARY_TANH, 1, (const float[]){-0.0f}, 0, 0, &y);
	CHECK(y == 0 && signbit(y));
	k.unary_f32(UNARY_EXP, 1, (const float[]){0}, 0, 0, &y);
	CHECK(y == 1);
	k.unary_f32(UNARY_SIGMOID, 1, (const float[]){0}, 0, 0, &y);
	CHECK(y == 0.5f);
}

/* The value does not depend on where in a row the element lies, or on y being x. */
static void unary_tails(void)
{
	enum { MOST = 67 };
	struct zones in = zones_new(1, MOST), out = zones_new(1, MOST);
	for (int f = 0; f < UNARY_COUNT; f++)
		for (size_t n = 0; n <= MOST; n++) {
			float p = parameters[f].p, q = parameters[f].q, alone;
			zone_fill(&out, 0);
			float *x = zone_place(&in, 0, n * sizeof *x, FLUSH_END);
			float *y = zone_place(&out, 0, n * sizeof *y, FLUSH_END);
			uint32_t seed = (uint32_t)n;
			for (size_t i = 0; i < n; i++)
				x[i] = 8 * next_number(&seed);
			k.unary_f32((enum unary)f, n, x, p, q, y);
			for (size_t i = 0; i < n; i++) {
				k.unary_f32((enum unary)f, 1, x + i, p, q, &alone);
				CHECK(same_float(y[i], alone));
			}
			k.unary_f32((enum unary)f, n, x, p, q, x);
			CHECK(n == 0 || f == UNARY_LOG || f == UNARY_SQRT ||
			      memcmp(x, y, n * sizeof *x) == 0);
			size_t nans = 0;
			for (size_t i = 0; i < n; i++)
				nans += is_canary(&y[i]);
			CHECK_INT(zone_canaries(&out, 0) - nans, out.bytes / sizeof(float) - n);
		}
	zones_free(&in);
	zones_free(&out);
}

static double binary_reference(enum binary f, double a, double b)
{
	switch (f) {
	case BINARY_ADD:
		return a + b;
	case BINARY_SUB:
		return a - b;
	case BINARY_MUL:
		return a * b;
	case BINARY_DIV:
		return a / b;
	case BINARY_POW:
		return pow(a, b);
	case BINARY_MIN:
		return isnan(a) || isnan(b) ? NAN : fmin(a, b);
	case BINARY_MAX:
		return isnan(a) || isnan(b) ? NAN : fmax(a, b);
	case BINARY_PRELU:
		return a < 0 ? a * b : a;
	case BINARY_COUNT:
		break;
	}
	return NAN;
}

static void binary_special_values(void)
{
	static const float v[] = {0,        -0.0f, 1,       -1,      INFINITY, -INFINITY,
	                          NAN,      3.5f,  -2.25f,  FLT_MAX, FLT_MIN,  0.5f,
	                          -FLT_MAX, 2,     -127.0f, 1e-20f};
	for (int f = 0; f < BINARY_COUNT; f++)
		for (size_t i = 0; i < COUNT(v); i++)
			for (size_t j = 0; j < COUNT(v); j++) {
				float y;
				k.binary_f32((enum binary)f, 1, &v[i], 1, &v[j], 1, &y);
				double want = binary_reference((enum binary)f, (double)v[i],
				                               (double)v[j]);
				if (!near((double)y, want, 0)) {
					fprintf(stderr, "binary %d (%g, %g) is %g, want %g\n", f,
					        (double)v[i], (double)v[j], (double)y, want);
					CHECK(near((double)y, want, 0));
				}
			}
}

/* All steps and tails, each operand with exactly the elements that its step needs, and y being a or b. */
static void binary_steps(void)
{
	enum { MOST = 35 };
	struct zones az = zones_new(1, MOST), bz = zones_new(1, MOST), yz = zones_new(1, MOST);
	for (int f = 0; f < BINARY_COUNT; f++)
		for (size_t n = 0; n <= MOST; n++)
			for (int steps = 0; steps < 4; steps++) {
				size_t a_step = (size_t)(steps & 1), b_step = (size_t)(steps >> 1);
				size_t na = a_step || !n ? n : 1, nb = b_step || !n ? n : 1;
				float *a = zone_place(&az, 0, na * sizeof *a, FLUSH_END);
				float *b = zone_place(&bz, 0, nb * sizeof *b, FLUSH_END);
				float *y = zone_place(&yz, 0, n * sizeof *y, FLUSH_END);
				uint32_t seed = (uint32_t)n;
				for (size_t i = 0; i < na; i++)
					a[i] = 1.5f + next_number(&seed);
				for (size_t i = 0; i < nb; i++)
					b[i] = 1.5f + next_number(&seed);
				zone_fill(&yz, 0);
				k.binary_f32((enum binary)f, n, a, a_step, b, b_step, y);
				for (size_t i = 0; i < n; i++)
					CHECK(near((double)y[i],
					           binary_reference((enum binary)f,
					                            (double)a[i * a_step],
					                            (double)b[i * b_step]),
					           0));
				CHECK_INT(zone_canaries(&yz, 0), yz.bytes / sizeof(float) - n);
				float over[MOST + 1];
				memcpy(over, a, na * sizeof *a);
				k.binary_f32((enum binary)f, n, over, a_step, b, b_step, over);
				CHECK(memcmp(over, y, n * sizeof *y) == 0);
				memcpy(over, b, nb * sizeof *b);
				k.binary_f32((enum binary)f, n, a, a_step, over, b_step, over);
				CHECK(memcmp(over, y, n * sizeof *y) == 0);
			}
	zones_free(&az);
	zones_free(&bz);
	zones_free(&yz);
}

static void check_softmax(size_t n, size_t stride, float spread)
{
	size_t span = n ? (n - 1) * stride + 1 : 0;
	struct zones in = zones_new(1, span), out = zones_new(1, span);
	for (int log_of_it = 0; log_of_it < 2; log_of_it++) {
		zone_fill(&in, 0);
		zone_fill(&out, 0);
		float *x = zone_place(&in, 0, span * sizeof *x, FLUSH_END);
		float *y = zone_place(&out, 0, span * sizeof *y, FLUSH_END);
		uint32_t seed = (uint32_t)n;
		double max = -INFINITY, sum = 0, total = 0;
		for (size_t i = 0; i < n; i++) {
			x[i * stride] = spread * next_number(&seed);
			max = fmax(max, (double)x[i * stride]);
		}
		for (size_t i = 0; i < n; i++)
			sum += exp((double)x[i * stride] - max);
		k.softmax_f32(n, stride, x, y, log_of_it);
		for (size_t i = 0; i < n; i++) {
			double from_max = (double)x[i * stride] - max, got = (double)y[i * stride];
			double size = 1 + fabs(from_max) + log(sum);
			if (log_of_it)
				CHECK_NEAR(got, from_max - log(sum), 3e-7 * size);
			else
				CHECK_NEAR(got, exp(from_max) / sum,
				           4e-7 * size * exp(from_max) / sum + 1e-40);
			total += log_of_it ? exp(got) : got;
		}
		CHECK(n == 0 || fabs(total - 1) < 1e-5);
		CHECK_INT(zone_canaries(&out, 0), out.bytes / sizeof(float) - n);
		k.softmax_f32(n, stride, x, x, log_of_it);
		for (size_t i = 0; i < n; i++)
			CHECK(x[i * stride] == y[i * stride]);
	}
	zones_free(&in);
	zones_free(&out);
}

static void softmax(void)
{
	for (size_t n = 0; n <= 70; n++)
		check_softmax(n, 1 + n % 3, 10);
	check_softmax(1000, 1, 5);
	check_softmax(1000, 1, 200);
	check_softmax(1000, 49, 20);
	check_softmax(21843, 1, 10);
}

static void softmax_special_values(void)
{
	float y[3];
	k.softmax_f32(3, 1, (const float[]){3e38f, -3e38f, 3e38f}, y, false);
	CHECK(y[0] == 0.5f && y[1] == 0 && y[2] == 0.5f);
	k.softmax_f32(3, 1, (const float[]){0, -INFINITY, 0}, y, false);
	CHECK(y[0] == 0.5f && y[1] == 0 && y[2] == 0.5f);
	k.softmax_f32(3, 1, (const float[]){0, -INFINITY, 0}, y, true);
	CHECK(y[1] == -INFINITY);
	k.softmax_f32(3, 1, (const float[]){1, NAN, 2}, y, false);
	CHECK(isnan(y[0]) && isnan(y[1]) && isnan(y[2]));
	k.softmax_f32(3, 1, (const float[]){1, INFINITY, 2}, y, false);
	CHECK(isnan(y[1]));
	k.softmax_f32(1, 1, (const float[]){-1234}, y, false);
	CHECK(y[0] == 1);
	/* The largest is found among the vector's own elements. */
	float strided[4] = {-500, 7, 7, 600};
	k.softmax_f32(2, 3, strided, strided, false);
	CHECK(strided[0] == 0 && strided[1] == 7 && strided[2] == 7 && strided[3] == 1);
}

static void check_layer_norm(size_t n, bool with_bias)
{
	struct zones in = zones_new(1, n), out = zones_new(1, n);
	float *x = zone_place(&in, 0, n * sizeof *x, FLUSH_END);
	float scale[1100], bias[1100];
	uint32_t seed = (uint32_t)n;
	double mean = 0, variance = 0;
	for (size_t i = 0; i < n; i++) {
		x[i] = 3 + 2 * next_number(&seed);
		scale[i] = next_number(&seed);
		bias[i] = next_number(&seed);
		mean += (double)x[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++)
		variance += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
	zone_fill(&out, 0);
	float *y = zone_place(&out, 0, n * sizeof *y, FLUSH_END);
	k.layer_norm_f32(n, x, scale, with_bias ? bias : NULL, 1e-5f, y);
	for (size_t i = 0; i < n; i++)
		CHECK_NEAR((double)y[i],
		           ((double)x[i] - mean) / sqrt(variance + 1e-5) * (double)scale[i] +
		                   (with_bias ? (double)bias[i] : 0),
		           1e-5);
	CHECK_INT(zone_canaries(&out, 0), out.bytes / sizeof(float) - n);
	k.layer_norm_f32(n, x, scale, with_bias ? bias : NULL, 1e-5f, x);
	CHECK(memcmp(x, y, n * sizeof *x) == 0);
	zones_free(&in);
	zones_free(&out);
}

static void layer_norm(void)
{
	for (size_t n = 1; n <= 70; n++)
		check_layer_norm(n, n % 2);
	check_layer_norm(768, true);
	check_layer_norm(1100, false);
}

/* The same number to the last bit at all levels. */
static void levels_agree(void)
{
	enum { MOST = 200 };
	struct kernels least = level_kernels(CNN_ISA_PORTABLE);
	float x[MOST], want[MOST], got[MOST];
	uint32_t seed = 1;
	for (size_t i = 0; i < MOST; i++)
		x[i] = 8 * next_number(&seed);
	for (size_t n = 1; n <= MOST; n += 1 + n / 8) {
		for (int f = 0; f < UNARY_COUNT; f++) {
			float p = parameters[f].p, q = parameters[f].q;
			least.unary_f32((enum unary)f, n, x, p, q, want);
			k.unary_f32((enum unary)f, n, x, p, q, got);
			for (size_t i = 0; i < n; i++)
				CHECK(same_float(want[i], got[i]));
		}
		least.softmax_f32(n, 1, x, want, false);
		k.softmax_f32(n, 1, x, got, false);
		CHECK(memcmp(want, got, n * sizeof *got) == 0);
		least.layer_norm_f32(n, x, x, x, 1e-5f, want);
		k.layer_norm_f32(n, x, x, x, 1e-5f, got);
		CHECK(memcmp(want, got, n * sizeof *got) == 0);
	}
}

#define AT_LEVELS(name)                                               \
	static void name##_at_levels(void)                            \
	{                                                             \
		for (int isa = 0; isa < CNN_ISA_COUNT; isa++)         \
			if (level_runs((enum cnn_isa)isa)) {          \
				k = level_kernels((enum cnn_isa)isa); \
				name();                               \
			}                                             \
	}
AT_LEVELS(unary_over_all_floats)
AT_LEVELS(unary_near_zero)
AT_LEVELS(unary_special_values)
AT_LEVELS(unary_tails)
AT_LEVELS(binary_special_values)
AT_LEVELS(binary_steps)
AT_LEVELS(softmax)
AT_LEVELS(softmax_special_values)
AT_LEVELS(layer_norm)
AT_LEVELS(levels_agree)

TEST_MAIN({"unary_over_all_floats", unary_over_all_floats_at_levels},
          {"unary_near_zero", unary_near_zero_at_levels},
          {"unary_special_values", unary_special_values_at_levels},
          {"unary_tails", unary_tails_at_levels},
          {"binary_special_values", binary_special_values_at_levels},
          {"binary_steps", binary_steps_at_levels}, {"softmax", softmax_at_levels},
          {"softmax_special_values", softmax_special_values_at_levels},
          {"layer_norm", layer_norm_at_levels}, {"levels_agree", levels_agree_at_levels})
