/* mutate_message.c - changes to any field of a message, and what all changes are made with. */
#include "tests/fuzz/mutate.h"

#include <stdlib.h>
#include <string.h>

uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

int64_t next_number(uint32_t *state)
{
	static const int64_t edges[] = {
		0,         1,         -1,        2,         3,
		7,         8,         9,         255,       65536,
		INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, (int64_t)1 << 31};
	uint32_t r = next_random(state);
	return r % 2 ? edges[r / 2 % (sizeof edges / sizeof edges[0])] : (int64_t)(r / 2 % 12) - 2;
}

/* --- lists and strings -------------------------------------------------------------------- */

void *copy_message(const ProtobufCMessage *m)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *bytes = malloc(len ? len : 1);
	void *copy = NULL;
	if (bytes) {
		protobuf_c_message_pack(m, bytes);
		copy = protobuf_c_message_unpack(m->descriptor, NULL, len, bytes);
	}
	free(bytes);
	return copy;
}

static bool append(void *list, size_t *n, void *item)
{
	void **grown = realloc(*(void **)list, (*n + 1) * sizeof *grown);
	if (!grown)
		return false;
	grown[(*n)++] = item;
	*(void **)list = grown;
	return true;
}

void append_message(void *list, size_t *n, void *item)
{
	if (item && !append(list, n, item))
		protobuf_c_message_free_unpacked(item, NULL);
}

void append_string(char ***list, size_t *n, const char *text)
{
	char *copy = strdup(text);
	if (copy && !append(list, n, copy))
		free(copy);
}

void set_string(char **to, const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		return;
	if (*to != protobuf_c_empty_string)
		free(*to);
	*to = copy;
}

/* --- any field ------------------------------------------------------------------------------ */

/* Writes a scalar of a kind that has a use here; strings are left alone. */
static void change_scalar(void *at, ProtobufCType type, uint32_t *state)
{
	if (type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_UINT64)
		*(int64_t *)at = next_number(state);
	else if (type == PROTOBUF_C_TYPE_INT32 || type == PROTOBUF_C_TYPE_ENUM)
		*(int32_t *)at = (int32_t)next_number(state);
	else if (type == PROTOBUF_C_TYPE_FLOAT)
		*(float *)at = (float)next_number(state);
}

static void change_list(char *list, size_t n, ProtobufCType type, uint32_t *state)
{
	size_t i = next_random(state) % n, j = next_random(state) % n;
	if (type == PROTOBUF_C_TYPE_MESSAGE && next_random(state) % 8) {
		change_message(((ProtobufCMessage **)list)[i], state);
	} else if (type == PROTOBUF_C_TYPE_MESSAGE || type == PROTOBUF_C_TYPE_STRING) {
		void *swap = ((void **)list)[i];
		((void **)list)[i] = ((void **)list)[j];
		((void **)list)[j] = swap;
	} else if (type == PROTOBUF_C_TYPE_INT64) {
		change_scalar(list + i * sizeof(int64_t), type, state);
	} else if (type == PROTOBUF_C_TYPE_INT32 || type == PROTOBUF_C_TYPE_FLOAT) {
		change_scalar(list + i * sizeof(int32_t), type, state);
	}
}

void change_message(ProtobufCMessage *m, uint32_t *state)
{
	const ProtobufCFieldDescriptor *f =
		&m->descriptor->fields[next_random(state) % m->descriptor->n_fields];
	char *at = (char *)m + f->offset, *quantity = (char *)m + f->quantifier_offset;
	bool oneof = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		if (*(size_t *)quantity)
			change_list(*(char **)at, *(size_t *)quantity, f->type, state);
	} else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		bool chosen = !oneof || *(uint32_t *)quantity == f->id;
		if (chosen && *(ProtobufCMessage **)at)
			change_message(*(ProtobufCMessage **)at, state);
	} else if (!oneof || *(uint32_t *)quantity == f->id) {
		if (f->quantifier_offset && !oneof && f->type != PROTOBUF_C_TYPE_BYTES)
			*(protobuf_c_boolean *)quantity = next_random(state) % 8 != 0;
		change_scalar(at, f->type, state);
	}
}
