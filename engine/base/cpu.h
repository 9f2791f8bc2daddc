/* cpu.h - what this machine may use: instruction sets and CPUs. */
#ifndef ENGINE_BASE_CPU_H
#define ENGINE_BASE_CPU_H
#include "engine/base/types.h"

/* The best level that both the CPU (CPUID) and the OS (XCR0) support. */
enum cnn_isa cpu_isa(void);
const char *cpu_isa_name(enum cnn_isa isa); /* "avx512" */
bool cpu_isa_parse(const char *text, enum cnn_isa *out);

/* CPUs this process may use, at least 1: the smaller of its affinity mask and
 * its cgroup's CPU quota (v2 cpu.max or v1 cpu.cfs_quota_us), rounded up. */
size_t cpu_count(void);

/* Bytes of one core's L2 cache; 512 KiB when the system does not tell. */
size_t cpu_l2_bytes(void);

#endif
