#include "engine/base/cpu.h"

#include "engine/base/cgroup.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#	include <cpuid.h>

/* What the OS saves on a context switch (Intel SDM vol. 1, 13.3). */
static uint64_t xcr0(void)
{
	uint32_t lo, hi;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static enum cnn_isa detect(void)
{
	enum { XCR0_AVX = 0x6, XCR0_AVX512 = 0xe6 };
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA))
		return CNN_ISA_PORTABLE;
	uint64_t saved = xcr0();
	if ((saved & XCR0_AVX) != XCR0_AVX || !__get_cpuid_count(7, 0, &a, &b, &c, &d) ||
	    !(b & bit_AVX2))
		return CNN_ISA_PORTABLE;
	const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
	if ((saved & XCR0_AVX512) != XCR0_AVX512 || (b & avx512) != avx512)
		return CNN_ISA_AVX2;
	return c & bit_AVX512VNNI ? CNN_ISA_VNNI : CNN_ISA_AVX512;
}
#else
static enum cnn_isa detect(void)
{
	return CNN_ISA_PORTABLE;
}
#endif

enum cnn_isa cpu_isa(void)
{
	/* Asked once: in a virtual machine each cpuid may take the hypervisor a millisecond. Threads that ask at the same
	 * time find the same. */
	static atomic_int known; /* and 1 more, or 0: not asked yet */
	int isa = atomic_load_explicit(&known, memory_order_relaxed);
	if (isa == 0) {
		isa = (int)detect() + 1;
		atomic_store_explicit(&known, isa, memory_order_relaxed);
	}
	return (enum cnn_isa)(isa - 1);
}

static const char *const isa_names[CNN_ISA_COUNT] = {
#define X(name, text) [CNN_ISA_##name] = text,
	CNN_ISA_LIST(X)
#undef X
};

const char *cpu_isa_name(enum cnn_isa isa)
{
	return isa_names[isa];
}

bool cpu_isa_parse(const char *text, enum cnn_isa *out)
{
	for (int i = 0; i < CNN_ISA_COUNT; i++) {
		if (strcmp(text, isa_names[i]) == 0) {
			*out = (enum cnn_isa)i;
			return true;
		}
	}
	return false;
}

/* "quota period" in one file (v2) or two (v1); "max" or a negative quota is none. */
static double read_quota(const char *quota_path, const char *period_path)
{
	char quota[64] = "", period[64] = "";
	FILE *f = fopen(quota_path, "r");
	if (!f)
		return 0;
	int n = fscanf(f, "%63s %63s", quota, period);
	fclose(f);
	if (n == 1 && period_path && (f = fopen(period_path, "r"))) {
		n += fscanf(f, "%63s", period) == 1;
		fclose(f);
	}
	double q = n >= 2 ? atof(quota) : 0, p = n >= 2 ? atof(period) : 0;
	return q > 0 && p > 0 ? q / p : 0;
}

static void take_quota(void *ctx, const char *directory, bool v2)
{
	double *tightest = ctx;
	char quota[1300], period[1300];
	snprintf(quota, sizeof quota, "%s/%s", directory, v2 ? "cpu.max" : "cpu.cfs_quota_us");
	snprintf(period, sizeof period, "%s/cpu.cfs_period_us", directory);
	double q = read_quota(quota, v2 ? NULL : period);
	if (q > 0 && (*tightest == 0 || q < *tightest))
		*tightest = q;
}

/* The tightest quota from this process's cgroup up to the root, in CPUs; 0 when there is none. */
static double cgroup_quota(void)
{
	double tightest = 0;
	cgroup_walk("cpu", take_quota, &tightest);
	return tightest;
}

size_t cpu_count(void)
{
	cpu_set_t set;
	long n = 0;
	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = CPU_COUNT(&set);
	if (n < 1)
		n = sysconf(_SC_NPROCESSORS_ONLN);
	if (n < 1)
		n = 1;
	double quota = cgroup_quota();
	if (quota > 0 && quota < (double)n) {
		long whole = (long)quota;
		n = (double)whole < quota ? whole + 1 : whole;
	}
	return (size_t)n;
}

size_t cpu_l2_bytes(void)
{
	long n = sysconf(_SC_LEVEL2_CACHE_SIZE);
	return n > 0 ? (size_t)n : 512 * 1024;
}
