/* build.h - an operator on constants, and what must come of it. */
#ifndef TESTS_UNIT_OPERATORS_BUILD_H
#define TESTS_UNIT_OPERATORS_BUILD_H
#include "engine/graph/resolve.h"
#include "tests/unit/graph/build.h"

#define FLOATS(...)                   \
	(const float[]){__VA_ARGS__}, \
		(int32_t)(sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

/* A constant of any type whose elements are given as int64. */
__attribute__((unused)) static value_id build_typed(struct graph *g, enum cnn_dtype dtype,
                                                    const int64_t *dim, int32_t rank,
                                                    const int64_t *from)
{
	void *data;
	value_id id = graph_add_constant(g, "typed", dtype, rank, dim, &data);
	CHECK(id != NO_VALUE);
	for (int64_t i = 0; i < graph_elements(&g->value[id]); i++) {
		if (dtype == CNN_F32)
			((float *)data)[i] = (float)from[i];
		else if (cnn_dtype_size(dtype) == 1)
			((uint8_t *)data)[i] = (uint8_t)from[i];
		else if (cnn_dtype_size(dtype) == 4)
			((int32_t *)data)[i] = (int32_t)from[i];
		else
			((int64_t *)data)[i] = from[i];
	}
	return id;
}

__attribute__((unused)) static value_id build_floats(struct graph *g, const float *list, int32_t n)
{
	void *data;
	int64_t dim = n;
	value_id id = graph_add_constant(g, "floats", CNN_F32, 1, &dim, &data);
	CHECK(id != NO_VALUE);
	memcpy(data, list, (size_t)n * sizeof *list);
	return id;
}

__attribute__((unused)) static void expect_floats(const struct graph *g, value_id id,
                                                  const float *list, int32_t n)
{
	const struct value *v = &g->value[id];
	CHECK(v->data != NULL && v->dtype == CNN_F32);
	CHECK_INT(graph_elements(v), n);
	for (int32_t i = 0; i < n; i++)
		CHECK_NEAR(((const float *)v->data)[i], list[i], 1e-5);
}

__attribute__((unused)) static void expect_typed(const struct graph *g, value_id id,
                                                 enum cnn_dtype dtype, const int64_t *list,
                                                 int32_t n)
{
	const struct value *v = &g->value[id];
	CHECK(v->data != NULL);
	CHECK_INT(v->dtype, dtype);
	CHECK_INT(graph_elements(v), n);
	for (int32_t i = 0; i < n; i++)
		CHECK_INT(resolve_int(v, i), list[i]);
}

#endif
