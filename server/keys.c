#include "server/keys.h"
#include "engine/base/file.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct key {
	uint8_t hash[SHA256_DIGEST_SIZE];
	char name[KEY_NAME_MAX + 1];
};

struct key_list {
	size_t n, n_short;
	struct key key[];
};

/* A part of the text. */
struct words {
	const char *at;
	size_t len;
};

static void hash_key(const char *key, size_t len, uint8_t hash[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx sha;
	sha256_init(&sha);
	sha256_update(&sha, len, (const uint8_t *)key);
	sha256_digest(&sha, SHA256_DIGEST_SIZE, hash);
}

static struct words trim(struct words w)
{
	while (w.len && strchr(" \t\r", w.at[0])) {
		w.at++;
		w.len--;
	}
	while (w.len && strchr(" \t\r", w.at[w.len - 1]))
		w.len--;
	return w;
}

static bool is_name(struct words w)
{
	for (size_t i = 0; i < w.len; i++) {
		char c = w.at[i];
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    (!c || !strchr("._@-", c)))
			return false;
	}
	return w.len > 0 && w.len <= KEY_NAME_MAX;
}

/* What a header can carry in one piece. */
static bool is_key(struct words w)
{
	for (size_t i = 0; i < w.len; i++) {
		if (w.at[i] <= ' ' || w.at[i] > '~')
			return false;
	}
	return w.len > 0 && w.len <= KEY_MAX_BYTES;
}

static enum cnn_status read_line(struct words line, const char *file, size_t number,
                                 struct key_list *keys, struct cnn_error *err)
{
	struct words name = {"", 0}, key = line;
	const char *colon = memchr(line.at, ':', line.len);
	if (colon) {
		name = trim((struct words){line.at, (size_t)(colon - line.at)});
		key = trim((struct words){colon + 1, line.len - (size_t)(colon + 1 - line.at)});
		if (!is_name(name))
			return cnn_fail(err, CNN_BAD_ARG,
			                "%s: line %zu: before the colon must be a name of at most "
			                "%d letters, digits or ._@-",
			                file, number, KEY_NAME_MAX);
	}
	if (!is_key(key))
		return cnn_fail(err, CNN_BAD_ARG,
		                "%s: line %zu: a key has 1..%d visible ASCII characters", file,
		                number, KEY_MAX_BYTES);
	struct key *k = &keys->key[keys->n++];
	hash_key(key.at, key.len, k->hash);
	memcpy(k->name, name.at, name.len);
	k->name[name.len] = '\0';
	keys->n_short += key.len < KEY_SHORT;
	return CNN_OK;
}

enum cnn_status keys_parse(const char *file, const char *text, size_t len, struct key_list **out,
                           struct cnn_error *err)
{
	size_t lines = 1;
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	if (len > KEYS_FILE_BYTES)
		return cnn_fail(err, CNN_BAD_ARG, "%s: more than %d bytes", file, KEYS_FILE_BYTES);
	struct key_list *keys = calloc(1, sizeof *keys + lines * sizeof keys->key[0]);
	if (!keys)
		return cnn_fail_memory(err, file, lines * sizeof keys->key[0]);
	enum cnn_status status = CNN_OK;
	size_t number = 0;
	for (size_t at = 0; at < len && status == CNN_OK; number++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - (text + at)) : len - at;
		struct words line = trim((struct words){text + at, n});
		if (line.len && line.at[0] != '#')
			status = read_line(line, file, number + 1, keys, err);
		at += n + 1;
	}
	if (status == CNN_OK && keys->n == 0)
		status = cnn_fail(err, CNN_BAD_ARG, "%s: there is no key in it", file);
	if (status == CNN_OK)
		*out = keys;
	else
		free(keys);
	return status;
}

enum cnn_status keys_load(const char *path, struct key_list **out, struct cnn_error *err)
{
	uint8_t *bytes;
	size_t len;
	enum cnn_status status = file_load(path, KEYS_FILE_BYTES, &bytes, &len, err);
	if (status != CNN_OK)
		return status;
	status = keys_parse(path, (const char *)bytes, len, out, err);
	explicit_bzero(bytes, len);
	free(bytes);
	return status;
}

void keys_free(struct key_list *keys)
{
	free(keys);
}

size_t keys_count(const struct key_list *keys)
{
	return keys->n;
}

size_t keys_short(const struct key_list *keys)
{
	return keys->n_short;
}

const char *keys_find(const struct key_list *keys, const char *given)
{
	uint8_t hash[SHA256_DIGEST_SIZE];
	hash_key(given, strlen(given), hash);
	const char *name = NULL;
	/* To the end of the list, whether one was found or not. */
	for (size_t i = 0; i < keys->n; i++) {
		if (memeql_sec(hash, keys->key[i].hash, sizeof hash))
			name = keys->key[i].name;
	}
	return name;
}

bool keys_file_is_open(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && (st.st_mode & (S_IRGRP | S_IROTH)) != 0;
}
