/* keys.h - the API keys that the server takes, from a file.
 *
 * One key a line, "NAME: KEY" or KEY alone; empty lines and lines that begin with '#' do not count. Only the keys'
 * SHA-256 is kept. */
#ifndef SERVER_KEYS_H
#define SERVER_KEYS_H
#include "engine/base/status.h"
#include "engine/base/types.h"

enum { KEYS_FILE_BYTES = 65536, KEY_MAX_BYTES = 512, KEY_NAME_MAX = 63, KEY_SHORT = 16 };

struct key_list;

/* `file` names the text in errors, which tell the line and never the key. A list without a key is an error: it
 * would lock everyone out. */
enum cnn_status keys_parse(const char *file, const char *text, size_t len, struct key_list **out,
                           struct cnn_error *err);
enum cnn_status keys_load(const char *path, struct key_list **out, struct cnn_error *err);
void keys_free(struct key_list *keys); /* NULL-safe */

size_t keys_count(const struct key_list *keys);
size_t keys_short(const struct key_list *keys); /* those that could be guessed */
/* The name of the key that `given` is, "" for one without a name; NULL when it is none. The time that this takes does
 * not depend on how much of a key is right. */
const char *keys_find(const struct key_list *keys, const char *given);

/* Whether others than the file's owner may read it. */
bool keys_file_is_open(const char *path);

#endif
