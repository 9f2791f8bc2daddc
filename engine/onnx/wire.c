/* wire.c - a walk over the bytes before protobuf-c sees them.
 *
 * protobuf-c recurses without a limit and merges a message field that occurs twice, which a file
 * can make quadratic. Both are refused here, and its memory is bounded. */
#include "engine/onnx/wire.h"
#include "engine/base/pages.h"

#include <stdbool.h>
#include <stdlib.h>

/* Real models nest to 7 or so: model, graph, node, attribute, tensor. */
#define MAX_DEPTH 32

/* The dearest honest bytes are the two of an unpacked repeated integer: protobuf-c's scan takes up
 * to 64 bytes for them and the array 8 more, which is 36 for each byte of the file. A large file is
 * weights, whose dearest form is a number below 128 as an int64: 8 for a byte. */
#define MEMORY_PER_BYTE       64
#define MEMORY_PER_LARGE_BYTE 8
#define MEMORY_AT_LEAST       ((size_t)1 << 20)
#define MEMORY_IF_LARGE       ((size_t)64 << 20)

static size_t memory_for(size_t len, size_t max_bytes)
{
	size_t small = len * MEMORY_PER_BYTE + MEMORY_AT_LEAST;
	size_t large = len * MEMORY_PER_LARGE_BYTE + MEMORY_IF_LARGE;
	size_t memory = small < large ? small : large;
	return memory < max_bytes ? memory : max_bytes;
}

enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

struct walk {
	const uint8_t *at, *end;
};

static bool take_varint(struct walk *w, unsigned max_bytes, uint64_t *out)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < max_bytes && w->at < w->end; i++) {
		uint8_t b = *w->at++;
		value |= (uint64_t)(b & 0x7f) << (7 * i);
		if (!(b & 0x80)) {
			*out = value;
			return true;
		}
	}
	return false;
}

/* What is wrong with a message; a NULL message when nothing is. */
struct fault {
	const ProtobufCMessageDescriptor *message;
	const ProtobufCFieldDescriptor *field; /* NULL: none that ONNX has */
	const char *what;
	bool truncated; /* instead of `what` */
};

/* The file's own end cuts off the outermost message; an inner one that is too long was damaged. */
static struct fault cut_off(const ProtobufCMessageDescriptor *message,
                            const ProtobufCFieldDescriptor *field, unsigned depth)
{
	return (struct fault){message, field, depth ? "wrong length" : NULL, depth == 0};
}

static struct fault check_message(const ProtobufCMessageDescriptor *message, struct walk w,
                                  unsigned depth)
{
	uint64_t seen = 0; /* message fields that are not repeated, by index */
	while (w.at < w.end) {
		uint64_t tag, len;
		if (!take_varint(&w, 5, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
			return (struct fault){message, NULL, "broken field number", false};
		const ProtobufCFieldDescriptor *field =
			protobuf_c_message_descriptor_get_field(message, (unsigned)(tag >> 3));
		switch (tag & 7) {
		case VARINT:
			if (!take_varint(&w, 10, &len))
				return cut_off(message, field, depth);
			continue;
		case FIXED64:
			len = 8;
			break;
		case FIXED32:
			len = 4;
			break;
		case BYTES:
			if (!take_varint(&w, 5, &len))
				return cut_off(message, field, depth);
			break;
		default:
			return (struct fault){message, field, "unknown encoding", false};
		}
		if (len > (uint64_t)(w.end - w.at))
			return cut_off(message, field, depth);
		struct walk inner = {w.at, w.at + len};
		w.at += len;
		if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		if ((tag & 7) != BYTES)
			return (struct fault){message, field, "unknown encoding", false};
		if (depth == MAX_DEPTH)
			return (struct fault){message, field, "too deep nesting", false};
		ptrdiff_t index = field - message->fields;
		uint64_t bit = field->label != PROTOBUF_C_LABEL_REPEATED && index < 64
		                       ? (uint64_t)1 << index
		                       : 0;
		if (seen & bit)
			return (struct fault){message, field, "second copy", false};
		seen |= bit;
		struct fault f = check_message(field->descriptor, inner, depth + 1);
		if (f.message)
			return f;
	}
	return (struct fault){NULL, NULL, NULL, false};
}

/* From here on a field is a table of weights. */
enum { LARGE_BYTES = 2 << 20 };

struct budget {
	size_t left;
	bool over, out_of_memory;
};

static void *take_memory(void *ctx, size_t size)
{
	struct budget *b = ctx;
	if (size > b->left) {
		b->over = true;
		return NULL;
	}
	void *p = size < LARGE_BYTES ? malloc(size ? size : 1) : pages_alloc(size);
	if (p)
		b->left -= size;
	else
		b->out_of_memory = true;
	return p;
}

static void give_back(void *ctx, void *p)
{
	(void)ctx;
	pages_free(p);
}

enum cnn_status wire_unpack(const uint8_t *bytes, size_t len, const char *file_name,
                            size_t max_bytes, Onnx__ModelProto **out, size_t *used,
                            struct cnn_error *err)
{
	if (len == 0)
		return cnn_fail(err, CNN_BAD_MODEL, "%s: the file is empty", file_name);
	if (len > INT32_MAX)
		return cnn_fail(err, CNN_BAD_MODEL, "%s: larger than protobuf's 2 GiB", file_name);
	struct fault f =
		check_message(&onnx__model_proto__descriptor, (struct walk){bytes, bytes + len}, 0);
	if (f.truncated && f.field)
		return cnn_fail(err, CNN_BAD_MODEL, "%s: the file ends in the middle of %s.%s",
		                file_name, f.message->short_name, f.field->name);
	if (f.message)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "%s: not an ONNX file, or damaged: %s in %s%s%s", file_name,
		                f.truncated ? "wrong length" : f.what, f.message->short_name,
		                f.field ? "." : "", f.field ? f.field->name : "");

	size_t memory = memory_for(len, max_bytes);
	struct budget budget = {.left = memory};
	ProtobufCAllocator allocator = {take_memory, give_back, &budget};
	Onnx__ModelProto *model = onnx__model_proto__unpack(&allocator, len, bytes);
	if (!model && (budget.out_of_memory || (budget.over && memory == max_bytes)))
		return cnn_fail_memory(err, file_name, len);
	if (!model)
		return cnn_fail(err, CNN_BAD_MODEL,
		                budget.over ? "%s: needs far more memory than its size allows"
		                            : "%s: not an ONNX file",
		                file_name);
	*out = model;
	*used = memory - budget.left;
	return CNN_OK;
}

void wire_free(Onnx__ModelProto *model)
{
	ProtobufCAllocator allocator = {take_memory, give_back, NULL};
	if (model)
		onnx__model_proto__free_unpacked(model, &allocator);
}
