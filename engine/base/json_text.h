/* json_text.h - JSON that is whole, or is not written.
 *
 * Whoever builds JSON of many parts can ask at its end whether one of them is missing: jansson leaves out what there is
 * no memory for, and json_dumps() (up to version 2.14) goes on when it has none for a key. */
#ifndef ENGINE_BASE_JSON_TEXT_H
#define ENGINE_BASE_JSON_TEXT_H
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Once, before any JSON is made and while there is one thread. */
void json_text_begin(void);

/* Whether memory has run out on this thread for any JSON since it was last asked. A parser that has no memory for a
 * string calls it invalid. */
bool json_text_missed(void);

/* As json_dumps(); NULL as well when json_text_missed(). NULL-safe. */
char *json_text(const json_t *json, size_t flags);
/* As json_dumpf() and a line's end; false when it could not be written whole. NULL-safe. */
bool json_print(const json_t *json, FILE *file, size_t flags);

#endif
