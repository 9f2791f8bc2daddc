/* The list of kernels, the choice among them, and the packing of B. */
#include "engine/base/cpu.h"
#include "tests/kernels/guarded.h"
#include "tests/kernels/rows.h"

/* Names of all the rows that the checks beside this one walk. */
static bool is_checked(const char *name)
{
	bool found = false;
	for (size_t i = 0; i < COUNT(gemm_rows); i++)
		found |= strcmp(gemm_rows[i].gemm.name, name) == 0;
	for (size_t i = 0; i < COUNT(dwconv_rows); i++)
		found |= strcmp(dwconv_rows[i].name, name) == 0;
	for (size_t i = 0; i < COUNT(dwrow_rows); i++)
		found |= strcmp(dwrow_rows[i].name, name) == 0;
	for (size_t i = 0; i < COUNT(maxpool_rows); i++)
		found |= strcmp(maxpool_rows[i].name, name) == 0;
	for (size_t i = 0; i < COUNT(avgpool_rows); i++)
		found |= strcmp(avgpool_rows[i].name, name) == 0;
	for (size_t i = 0; i < COUNT(peak_rows); i++)
		found |= strcmp(peak_rows[i].name, name) == 0;
	for (size_t i = 0; i < COUNT(winograd_rows); i++)
		found |= strcmp(winograd_rows[i].name, name) == 0;
	for (size_t i = 0; i < COUNT(gemm_tn_rows); i++)
		found |= strcmp(gemm_tn_rows[i].gemm.name, name) == 0;
	for (size_t i = 0; i < COUNT(learn_rows); i++)
		found |= strcmp(learn_rows[i].name, name) == 0;
	for (size_t i = 0; i < COUNT(elementwise_rows); i++)
		found |= strcmp(elementwise_rows[i].name, name) == 0;
	for (size_t i = 0; i < COUNT(bytes_rows); i++)
		found |= strcmp(bytes_rows[i].name, name) == 0;
	return found;
}

/* kernels.def as text, so that a kind of kernel that no check knows is seen too. */
static void every_row_is_checked(void)
{
	size_t len, rows = 0;
	char *text = (char *)test_read("engine/kernels/kernels.def", &len);
	text = realloc(text, len + 1);
	CHECK(text != NULL);
	text[len] = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char kind[64], level[64], name[64];
		if (sscanf(line, "%63[A-Z0-9_](CNN_ISA_%63[A-Z0-9], %63[a-z0-9_]", kind, level,
		           name) != 3)
			continue;
		rows++;
#ifndef __x86_64__
		if (strcmp(level, "PORTABLE") != 0)
			continue;
#endif
		if (!is_checked(name)) {
			fprintf(stderr, "%s(%s, %s) has no check\n", kind, level, name);
			CHECK(is_checked(name));
		}
	}
	CHECK(rows >= COUNT(gemm_rows) + COUNT(dwconv_rows) + COUNT(dwrow_rows) +
	                      COUNT(maxpool_rows) + COUNT(avgpool_rows) + COUNT(peak_rows) +
	                      COUNT(winograd_rows) + COUNT(gemm_tn_rows) + COUNT(learn_rows) +
	                      COUNT(elementwise_rows) + COUNT(bytes_rows));
	free(text);
}

static void choice(void)
{
	for (int isa = 0; isa < CNN_ISA_COUNT; isa++) {
		enum cnn_isa best = cpu_isa(),
			     want = (enum cnn_isa)isa < best ? (enum cnn_isa)isa : best;
		const struct kernels *k = kernels_for((enum cnn_isa)isa);
		CHECK_INT(k->isa, want);
		CHECK(k->gemm_f32.fn && k->gemm_f32.mr && k->gemm_f32.nr);
		/* VNNI has kernels of its own for integers only. */
		const char *level = cpu_isa_name(want < CNN_ISA_VNNI ? want : CNN_ISA_AVX512);
		CHECK(strstr(k->gemm_f32.name, level) != NULL);
		CHECK(k->dwconv_f32 && k->dwrow_f32 && k->maxpool_f32 && k->avgpool_f32 &&
		      k->peak_f32);
		CHECK(k->winograd_input_f32 && k->winograd_output_f32 && k->winograd_kernel_f32);
		CHECK(k->gemm_tn_f32.fn && k->gemm_tn_f32.mr && k->gemm_tn_f32.nr);
		CHECK(strstr(k->gemm_tn_f32.name, level) != NULL);
		CHECK(k->unary_f32 && k->binary_f32 && k->softmax_f32 && k->layer_norm_f32);
		CHECK(k->moments_f32 && k->affine_f32 && k->clamp_grad_f32 && k->combine_f32 &&
		      k->dwconv_grad_f32);
	}
}

static void peak_counts_operations(void)
{
	for (size_t i = 0; i < COUNT(peak_rows); i++) {
		float sink = NAN;
		if (!level_runs(peak_rows[i].isa))
			continue;
		double one = peak_rows[i].fn(1, &sink);
		CHECK(one >= 2 * 12);
		CHECK(peak_rows[i].fn(1000, &sink) == 1000 * one);
		CHECK(isfinite(sink));
		/* All chains have come to 1: as many as one round has multiply-adds in a lane. */
		CHECK(sink >= 12 && sink <= one);
	}
}

/* B[k][n] in either order, into exactly the bytes that packed_size asks for. */
static void check_packing(const struct gemm_f32 *g, size_t n, size_t k, bool transposed)
{
	size_t size = gemm_f32_packed_size(g, n, k), panels = (n + g->nr - 1) / g->nr;
	CHECK_INT(size, panels * g->nr * k);
	size_t stride_k = transposed ? 1 : n + 2, stride_n = transposed ? k + 3 : 1;
	size_t used = n && k ? (k - 1) * stride_k + (n - 1) * stride_n + 1 : 0;
	struct zones in = zones_new(1, used), out = zones_new(1, size);
	zone_fill(&in, 0);
	zone_fill(&out, 0);
	float *b = zone_place(&in, 0, used * sizeof *b, FLUSH_END);
	float *packed = zone_place(&out, 0, size * sizeof *packed, FLUSH_END);
	for (size_t kk = 0; kk < k; kk++)
		for (size_t j = 0; j < n; j++)
			b[kk * stride_k + j * stride_n] = (float)(kk * 1000 + j + 1);
	gemm_f32_pack(g, n, k, b, stride_k, stride_n, packed);
	for (size_t i = 0; i < size; i++) {
		size_t panel = i / (g->nr * k), kk = i / g->nr % k, j = panel * g->nr + i % g->nr;
		CHECK(packed[i] == (j < n ? (float)(kk * 1000 + j + 1) : 0));
	}
	CHECK_INT(zone_canaries(&out, 0), out.bytes / sizeof(float) - size);
	zones_free(&in);
	zones_free(&out);
}

static void packing(void)
{
	static const size_t ks[] = {0, 1, 3, 27, 64};
	for (size_t r = 0; r < COUNT(gemm_rows); r++)
		for (size_t n = 0; n <= 70; n++)
			for (size_t k = 0; k < COUNT(ks); k++) {
				check_packing(&gemm_rows[r].gemm, n, ks[k], false);
				check_packing(&gemm_rows[r].gemm, n, ks[k], true);
			}
}

static void packed_size_overflow(void)
{
	for (size_t r = 0; r < COUNT(gemm_rows); r++) {
		const struct gemm_f32 *g = &gemm_rows[r].gemm;
		CHECK(gemm_f32_packed_size(g, SIZE_MAX, 1) == SIZE_MAX);
		CHECK(gemm_f32_packed_size(g, SIZE_MAX / 2, 3) == SIZE_MAX);
		CHECK(gemm_f32_packed_size(g, 1, SIZE_MAX) == SIZE_MAX);
		CHECK(gemm_f32_packed_size(g, (size_t)1 << 40, (size_t)1 << 40) == SIZE_MAX);
	}
}

TEST_MAIN({"every_row_is_checked", every_row_is_checked}, {"choice", choice},
          {"peak_counts_operations", peak_counts_operations}, {"packing", packing},
          {"packed_size_overflow", packed_size_overflow})
