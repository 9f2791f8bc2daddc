/* Matrix products of any type and shape, and Einsum, by hand. */
#include "tests/unit/operators/two_ways.h"

static void whole_numbers(void)
{
	struct trial t = {.op = OP_MATMUL};
	t.in[0] = (struct given){CNN_S32, DIMS(2, 2), NUMBERS(1, -2, 1 << 20, 1 << 20)};
	t.in[1] = (struct given){CNN_S32, DIMS(2), NUMBERS(-3, 1 << 12)};
	t.out[0] = (struct given){CNN_S32, DIMS(2), NUMBERS(-3 - (1 << 13), -3 * (1 << 20))};
	two_ways(t);
	t.in[0].dtype = t.in[1].dtype = t.out[0].dtype = CNN_S64;
	t.out[0].x = NUMBERS(-3 - (1 << 13), 4294967296.0 - 3 * (1 << 20));
	two_ways(t);
	t.in[0].dtype = t.in[1].dtype = CNN_U8;
	two_ways_refuse(t, CNN_UNSUPPORTED, "MatMul of uint8");

	t = (struct trial){.op = OP_GEMM, .attr.gemm = {.alpha = 0.5f, .beta = 2, .trans_b = true}};
	t.in[0] = (struct given){CNN_U32, DIMS(1, 2), NUMBERS(1, 2)};
	t.in[1] = (struct given){CNN_U32, DIMS(3, 2), counting};
	t.in[2] = (struct given){CNN_U32, DIMS(3), NUMBERS(0, 1, 2)};
	t.out[0] = (struct given){CNN_U32, DIMS(1, 3), NUMBERS(2, 7, 12)};
	two_ways(t);
}

static void batches(void)
{
	struct trial t = {.op = OP_MATMUL};
	t.in[0] = (struct given){CNN_S64, DIMS(2, 1, 1, 2), counting};
	t.in[1] = (struct given){CNN_S64, DIMS(2, 2, 1), NUMBERS(1, 10, 100, 1000)};
	t.out[0] = (struct given){CNN_S64, DIMS(2, 2, 1, 1), NUMBERS(21, 2100, 43, 4300)};
	two_ways(t);
	for (int k = 0; k < 2; k++)
		t.in[k].dtype = CNN_F32;
	t.out[0].dtype = CNN_F32;
	two_ways(t);
}

/* Sums of nothing are zero, and products without elements have none. */
static void empty_matrices(void)
{
	struct trial t = {.op = OP_MATMUL};
	t.in[0] = (struct given){CNN_F32, DIMS(2, 0), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(0, 2), counting};
	t.out[0] = (struct given){CNN_F32, DIMS(2, 2), NUMBERS(0, 0, 0, 0)};
	two_ways(t);
	t.op = OP_GEMM;
	t.attr.gemm = (struct gemm_attr){.alpha = 1, .beta = 1};
	t.in[2] = (struct given){CNN_F32, DIMS(2, 1), NUMBERS(5, 6)};
	t.out[0].x = NUMBERS(5, 5, 6, 6);
	two_ways(t);
	t = (struct trial){.op = OP_MATMUL};
	t.in[0] = (struct given){CNN_F32, DIMS(0, 2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(3, 2, 1), counting};
	t.out[0] = (struct given){CNN_F32, DIMS(3, 0, 1), counting};
	two_ways(t);
}

static struct trial einsum(const char *equation)
{
	return (struct trial){.op = OP_EINSUM, .attr.equation = equation};
}

static void einsum_of_one(void)
{
	struct trial t = einsum(" i i -> i ");
	t.in[0] = (struct given){CNN_F32, DIMS(3, 3), counting};
	t.out[0] = (struct given){CNN_F32, DIMS(3), NUMBERS(1, 5, 9)};
	two_ways(t);
	t.attr.equation = "ii";
	t.out[0] = (struct given){CNN_F32, DIMS(1), NUMBERS(15)};
	t.out[0].rank = 0;
	two_ways(t);
	/* without an arrow, letters in the alphabet's order */
	t.attr.equation = "ba";
	t.in[0] = (struct given){CNN_S32, DIMS(2, 3), counting};
	t.out[0] = (struct given){CNN_S32, DIMS(3, 2), NUMBERS(1, 4, 2, 5, 3, 6)};
	two_ways(t);
	t.attr.equation = "a...->...";
	t.out[0] = (struct given){CNN_S32, DIMS(3), NUMBERS(5, 7, 9)};
	two_ways(t);
	t.attr.equation = "...i->i...";
	t.out[0] = (struct given){CNN_S32, DIMS(3, 2), NUMBERS(1, 4, 2, 5, 3, 6)};
	two_ways(t);
}

/* Attention's products, and others that become a MatMul or do not. */
static void einsum_of_more(void)
{
	struct trial t = einsum("bhid,bhjd->bhij");
	t.in[0] = (struct given){CNN_F32, DIMS(1, 2, 2, 2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(1, 2, 1, 2), NUMBERS(1, 10, 100, 1000)};
	t.out[0] = (struct given){CNN_F32, DIMS(1, 2, 2, 1), NUMBERS(21, 43, 6500, 8700)};
	two_ways(t);
	t.attr.equation = "...id,...jd->...ji";
	t.out[0] = (struct given){CNN_F32, DIMS(1, 2, 1, 2), NUMBERS(21, 43, 6500, 8700)};
	two_ways(t);
	t.attr.equation = "bhij,bhjd->bhid";
	t.in[0] = (struct given){CNN_F32, DIMS(1, 2, 2, 2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(1, 2, 2, 1), NUMBERS(1, 10, 100, 1000)};
	two_ways((struct trial){.op = t.op,
	                        .attr = t.attr,
	                        .in = {t.in[0], t.in[1]},
	                        .out = {{CNN_F32, DIMS(1, 2, 2, 1), NUMBERS(21, 43, 6500, 8700)}}});
	/* two indices are summed, none is a batch's */
	t = einsum("abc,bcd->da");
	t.in[0] = (struct given){CNN_F32, DIMS(1, 2, 2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(2, 2, 2), counting};
	t.out[0] = (struct given){CNN_F32, DIMS(2, 1), NUMBERS(50, 60)};
	two_ways(t);
	/* an outer product; a product by element */
	t = einsum("i,j->ji");
	t.in[0] = (struct given){CNN_F32, DIMS(2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(3), counting};
	t.out[0] = (struct given){CNN_F32, DIMS(3, 2), NUMBERS(1, 2, 2, 4, 3, 6)};
	two_ways(t);
	t = einsum("i,i->i");
	t.in[0] = t.in[1] = (struct given){CNN_F32, DIMS(3), counting};
	t.out[0] = (struct given){CNN_F32, DIMS(3), NUMBERS(1, 4, 9)};
	two_ways(t);
	/* an index that one operand sums alone; one element for all */
	t = einsum("ij,ik->k");
	t.in[0] = (struct given){CNN_F32, DIMS(2, 2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(1, 2), NUMBERS(1, 2)};
	t.out[0] = (struct given){CNN_F32, DIMS(2), NUMBERS(10, 20)};
	two_ways(t);
	t = einsum("ij,jk,k->i");
	t.in[0] = (struct given){CNN_F32, DIMS(1, 2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(2, 2), counting};
	t.in[2] = (struct given){CNN_F32, DIMS(2), NUMBERS(1, 10)};
	t.out[0] = (struct given){CNN_F32, DIMS(1), NUMBERS(21 + 86)};
	two_ways(t);
}

static void refused_equations(void)
{
	static const struct {
		const char *equation, *part;
	} bad[] = {{NULL, "is missing"},
	           {"ij->ijk", "that no operand has"},
	           {"ij->ii", "output letter twice"},
	           {"i", "has 1 letters"},
	           {"ijk", "has 3 letters"},
	           {"ijk...", "has 3 letters"},
	           {"ij,jk", "has 2 operands, the node 1"},
	           {"i1", "no letter"},
	           {"ij-", "no letter"},
	           {"i..j", "no letter"},
	           {"...ij...", "no letter"},
	           {"ij->i,j", "goes on"},
	           {"ij->i->j", "goes on"},
	           {"abcdefghi", "too many letters"},
	           {"ij->abcdefghi", "too many letters"},
	           {",,,,,,,,,,,,,,,,", "too many operands"},
	           {"ii", "is 2 and 3 long"}};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct trial t = einsum(bad[i].equation);
		t.in[0] = (struct given){CNN_F32, DIMS(2, 3), counting};
		two_ways_refuse(t, CNN_BAD_MODEL, bad[i].part);
	}
	/* more different indices than the engine counts; more terms than it sums */
	struct trial t = einsum("abcdefgh,ijklmnop,qrstuvwx->");
	for (int k = 0; k < 3; k++)
		t.in[k] = (struct given){CNN_F32, DIMS(1, 1, 1, 1, 1, 1, 1, 1), counting};
	two_ways_refuse(t, CNN_UNSUPPORTED, "more than 16 indices");
	t = einsum("a,b,c->");
	for (int k = 0; k < 3; k++)
		t.in[k] = (struct given){CNN_F32, DIMS(1 << 20), counting};
	two_ways_refuse(t, CNN_UNSUPPORTED, "too many products");
}

TEST_MAIN({"whole_numbers", whole_numbers}, {"batches", batches},
          {"empty_matrices", empty_matrices}, {"einsum_of_one", einsum_of_one},
          {"einsum_of_more", einsum_of_more}, {"refused_equations", refused_equations})
