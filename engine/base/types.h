/* types.h - the words every layer shares. */
#ifndef ENGINE_BASE_TYPES_H
#define ENGINE_BASE_TYPES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CNN_MAX_RANK 8

/* Instruction-set levels: bundles that exist on real machines, weakest first.
 * name, text: the text is what --isa takes and what bench prints. */
#define CNN_ISA_LIST(X)         \
	X(PORTABLE, "portable") \
	X(AVX2, "avx2")         \
	X(AVX512, "avx512")     \
	X(VNNI, "vnni")

enum cnn_isa {
#define X(name, text) CNN_ISA_##name,
	CNN_ISA_LIST(X)
#undef X
		CNN_ISA_COUNT
};

/* Element types. name, bytes, text. */
#define CNN_DTYPE_LIST(X)      \
	X(F32, 4, "float32")   \
	X(F16, 2, "float16")   \
	X(BF16, 2, "bfloat16") \
	X(F64, 8, "float64")   \
	X(U8, 1, "uint8")      \
	X(S8, 1, "int8")       \
	X(U16, 2, "uint16")    \
	X(S16, 2, "int16")     \
	X(U32, 4, "uint32")    \
	X(S32, 4, "int32")     \
	X(U64, 8, "uint64")    \
	X(S64, 8, "int64")     \
	X(BOOL, 1, "bool")

enum cnn_dtype {
#define X(name, bytes, text) CNN_##name,
	CNN_DTYPE_LIST(X)
#undef X
		CNN_DTYPE_COUNT
};

size_t cnn_dtype_size(enum cnn_dtype dtype);      /* bytes of one element */
const char *cnn_dtype_name(enum cnn_dtype dtype); /* "float32" */

#endif
