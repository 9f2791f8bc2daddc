/* mutate.h - the parts of the mutator of models. */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H
#include "onnx.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below 2^24. */
uint32_t next_random(uint32_t *state);
/* A small number, or one at the edge of a type. */
int64_t next_number(uint32_t *state);

/* Follows a random path down the message and changes what is at its end: a number, the order of a list, or
 * whether a field is there. */
void change_message(ProtobufCMessage *m, uint32_t *state);
/* Changes what the graph, which has nodes, means. */
void change_graph(Onnx__GraphProto *g, uint32_t *state);
/* Numbers, shape or type of a weight; a new one. */
void change_tensor(Onnx__GraphProto *g, uint32_t *state);

/* The name of some tensor; "" when the one chosen has none. */
const char *any_tensor(const Onnx__GraphProto *g, uint32_t *state);

/* A copy of a message; NULL without memory. */
void *copy_message(const ProtobufCMessage *m);
/* Puts `item` (may be NULL) at the end of a list of messages. */
void append_message(void *list, size_t *n, void *item);
void append_string(char ***list, size_t *n, const char *text);
/* Replaces a string of a message; it stays as it is without memory. */
void set_string(char **to, const char *text);

#endif
