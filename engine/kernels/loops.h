/* loops.h - what a kernel tells the compiler about a loop. Macros only: helpers that kernels
 * share must be static, or one ISA's copy could be linked into another's file. */
#ifndef ENGINE_KERNELS_LOOPS_H
#define ENGINE_KERNELS_LOOPS_H

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* UNROLLED: constant trip count of at most 16, unroll fully: what the loop indexes is registers.
 * INDEPENDENT: no iteration reads what another one wrote; y == x is allowed. */
#ifdef __clang__
#	define UNROLLED    _Pragma("clang loop unroll(full)")
#	define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
/* These are hints: where one does not fit, as with sanitizers, the loop is right all the same. */
#	pragma clang diagnostic ignored "-Wpass-failed"
#else
#	define UNROLLED    _Pragma("GCC unroll 16")
#	define INDEPENDENT _Pragma("GCC ivdep")
#endif

#endif
