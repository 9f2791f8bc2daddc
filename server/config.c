/* Options from four places, each weaker than the one before: flags, environment, file, defaults. */
#include "server/config.h"

#include "engine/base/arena.h"
#include "engine/base/json_text.h"
#include "server/option.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* One reading. `given` says which options are decided already, by a stronger place. */
struct reading {
	enum command command;
	struct config *config;
	struct arena *arena;
	bool *given; /* [option_count] */
	const char **args;
	struct cnn_error *err;
};

static enum cnn_status set(struct reading *r, size_t i, const char *where, const char *text)
{
	if (r->given[i])
		return CNN_OK;
	r->given[i] = true;
	const char *copy = arena_strdup(r->arena, text);
	if (!copy)
		return cnn_fail_memory(r->err, where, strlen(text));
	return option_set(&option_table[i], r->config, where, copy, r->err);
}

/* --- flags ---------------------------------------------------------------------------- */

static enum cnn_status unknown_flag(const struct reading *r, const char *flag)
{
	char like[64];
	if (option_nearest(r->command, flag, like))
		return cnn_fail(r->err, CNN_BAD_ARG, "--%s: no such option; did you mean --%s?",
		                flag, like);
	return cnn_fail(r->err, CNN_BAD_ARG, "--%s: no such option", flag);
}

/* argv[*i] is "--name", "--name=value" or, for flags, "--no-name". */
static enum cnn_status read_flag(struct reading *r, int argc, char **argv, int *i)
{
	const char *word = argv[*i] + 2, *value = strchr(word, '=');
	char name[64], where[80];
	size_t length = value ? (size_t)(value - word) : strlen(word);
	if (length >= sizeof name)
		return cnn_fail(r->err, CNN_BAD_ARG, "--%.20s...: no such option", word);
	memcpy(name, word, length);
	name[length] = '\0';
	snprintf(where, sizeof where, "--%s", name);
	if (strcmp(name, "help") == 0) {
		r->config->help = true;
		return CNN_OK;
	}
	size_t at = option_find(r->command, name);
	if (at == option_count && strncmp(name, "no-", 3) == 0) {
		at = option_find(r->command, name + 3);
		if (at < option_count && option_table[at].kind == OPTION_FLAG && !value)
			return set(r, at, where, "false");
		at = option_count;
	}
	if (at == option_count)
		return unknown_flag(r, name);
	if (r->given[at])
		return cnn_fail(r->err, CNN_BAD_ARG, "%s: given twice", where);
	if (value)
		return set(r, at, where, value + 1);
	if (option_table[at].kind == OPTION_FLAG)
		return set(r, at, where, "true");
	if (*i + 1 >= argc)
		return cnn_fail(r->err, CNN_BAD_ARG, "%s: a value is missing", where);
	return set(r, at, where, argv[++*i]);
}

static enum cnn_status read_flags(struct reading *r, int argc, char **argv)
{
	bool options = true;
	for (int i = 0; i < argc; i++) {
		enum cnn_status status = CNN_OK;
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (options && strcmp(argv[i], "-h") == 0)
			r->config->help = true;
		else if (options && strncmp(argv[i], "--", 2) == 0)
			status = read_flag(r, argc, argv, &i);
		else if (options && argv[i][0] == '-' && argv[i][1])
			status = cnn_fail(r->err, CNN_BAD_ARG, "%s: no such option", argv[i]);
		else
			r->args[r->config->n_args++] = argv[i];
		if (status)
			return status;
	}
	return CNN_OK;
}

/* --- environment ------------------------------------------------------------------------- */

static enum cnn_status read_environment(struct reading *r)
{
	for (char **e = environ; e && *e; e++) {
		const char *value = strchr(*e, '=');
		if (strncmp(*e, "CONVD_", 6) != 0 || !value || strncmp(*e, "CONVD_TEST_", 11) == 0)
			continue;
		char name[64], where[80];
		size_t length = (size_t)(value - *e) - 6;
		if (length >= sizeof name)
			continue;
		for (size_t i = 0; i < length; i++) {
			char c = (*e)[6 + i];
			name[i] = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c + 32) : '?';
		}
		name[length] = '\0';
		snprintf(where, sizeof where, "CONVD_%.*s", (int)length, *e + 6);
		/* a variable of another command is no mistake: the environment is shared */
		size_t at = option_find(CMD_ANY, name);
		if (at == option_count)
			return cnn_fail(r->err, CNN_BAD_ARG, "%s: no such option", where);
		if (!(option_table[at].commands & r->command) || !value[1])
			continue;
		enum cnn_status status = set(r, at, where, value + 1);
		if (status)
			return status;
	}
	return CNN_OK;
}

/* --- the file ------------------------------------------------------------------------------ */

/* {"models": ["DIR", "NAME=DIR", ...]} stands for the words after the options. */
static enum cnn_status read_models(struct reading *r, const char *path, const json_t *list)
{
	if (!json_is_array(list))
		return cnn_fail(r->err, CNN_BAD_ARG, "%s: \"models\" must be a list of strings",
		                path);
	if (r->config->n_args)
		return CNN_OK;
	size_t n = json_array_size(list);
	const char **args = arena_alloc(r->arena, n + 1, sizeof *args);
	if (!args)
		return cnn_fail_memory(r->err, path, n * sizeof *args);
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!text)
			return cnn_fail(r->err, CNN_BAD_ARG,
			                "%s: \"models\" must be a list of strings", path);
		args[i] = arena_strdup(r->arena, text);
		if (!args[i])
			return cnn_fail_memory(r->err, path, strlen(text));
	}
	r->args = args;
	r->config->n_args = n;
	return CNN_OK;
}

static enum cnn_status read_key(struct reading *r, const char *path, const char *key,
                                const json_t *value)
{
	char name[64], where[256], number[32];
	if (strcmp(key, "models") == 0)
		return read_models(r, path, value);
	if (key[0] == '$') /* "$schema", "$comment" */
		return CNN_OK;
	snprintf(name, sizeof name, "%s", key);
	for (char *p = name; *p; p++)
		if (*p == '_')
			*p = '-';
	snprintf(where, sizeof where, "%s: \"%s\"", path, key);
	size_t at = option_find(r->command, name);
	if (at == option_count || strcmp(name, "config") == 0)
		return cnn_fail(r->err, CNN_BAD_ARG, "%s: no such option", where);
	const char *text = json_string_value(value);
	if (json_is_integer(value)) {
		snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
		text = number;
	} else if (json_is_boolean(value)) {
		text = json_is_true(value) ? "true" : "false";
	}
	if (!text)
		return cnn_fail(r->err, CNN_BAD_ARG,
		                "%s: must be a string, a whole number, true or false", where);
	return set(r, at, where, text);
}

static enum cnn_status read_file(struct reading *r)
{
	const char *path = r->config->config;
	if (!path)
		return CNN_OK;
	json_error_t where;
	FILE *f = fopen(path, "r");
	if (!f)
		return cnn_fail(r->err, CNN_IO, "%s: %s", path, strerror(errno));
	json_t *root = json_loadf(f, JSON_REJECT_DUPLICATES, &where);
	fclose(f);
	if (json_text_missed()) {
		json_decref(root);
		return cnn_fail(r->err, CNN_NO_MEMORY, "%s: out of memory", path);
	}
	if (!root)
		return cnn_fail(r->err, CNN_BAD_ARG, "%s: line %d: %s", path, where.line,
		                where.text);
	enum cnn_status status = CNN_OK;
	if (!json_is_object(root))
		status = cnn_fail(r->err, CNN_BAD_ARG, "%s: not a JSON object", path);
	const char *key;
	json_t *value;
	if (!status) {
		json_object_foreach(root, key, value)
		{
			status = read_key(r, path, key, value);
			if (status)
				break;
		}
	}
	json_decref(root);
	return status;
}

/* --- all together ---------------------------------------------------------------------------- */

enum cnn_status config_read(enum command command, int argc, char **argv, struct config *out,
                            struct cnn_error *err)
{
	struct reading r = {.command = command, .config = out, .err = err, .arena = arena_new()};
	*out = (struct config){.owned = r.arena};
	if (!r.arena)
		return cnn_fail_memory(err, "the options", sizeof *out);
	r.given = arena_alloc(r.arena, option_count, sizeof *r.given);
	r.args = arena_alloc(r.arena, (size_t)argc + 1, sizeof *r.args);
	enum cnn_status status = CNN_OK;
	if (!r.given || !r.args)
		status = cnn_fail_memory(err, "the options", option_count);
	if (!status)
		status = read_flags(&r, argc, argv);
	if (!status && !out->help)
		status = read_environment(&r);
	if (!status && !out->help)
		status = read_file(&r);
	for (size_t i = 0; i < option_count && !status; i++)
		if (!r.given[i])
			option_default(&option_table[i], out);
	out->args = r.args;
	if (status)
		config_clear(out);
	return status;
}

void config_clear(struct config *config)
{
	arena_free(config->owned);
	config->owned = NULL;
}
