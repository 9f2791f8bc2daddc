/* lanes.h - the inner loop of evaluation rules that multiply and add, in blocks that compilers make vectors of. */
#ifndef ENGINE_OPERATORS_LANES_H
#define ENGINE_OPERATORS_LANES_H
#include <stdint.h>

#define LANES 16

/* name(n, factor, x, y): y[i] += factor * x[i] */
#define ADD_SCALED(name, type)                                                             \
	static void name(int64_t n, type factor, const type *restrict x, type *restrict y) \
	{                                                                                  \
		int64_t i = 0;                                                             \
		for (; i + LANES <= n; i += LANES)                                         \
			for (int64_t k = 0; k < LANES; k++)                                \
				y[i + k] += factor * x[i + k];                             \
		for (; i < n; i++)                                                         \
			y[i] += factor * x[i];                                             \
	}

#endif
