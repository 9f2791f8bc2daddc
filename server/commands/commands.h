/* commands.h - the commands of the convd program, a file each. They return the exit status: 0 ok, 1 failed,
 * 2 usage. Results go to stdout, diagnostics to stderr. */
#ifndef SERVER_COMMANDS_COMMANDS_H
#define SERVER_COMMANDS_COMMANDS_H
#include "server/config.h"

#include <jansson.h>

struct command_desc {
	const char *name;
	enum command id;
	const char *args;    /* for --help: "[MODEL ...]" */
	const char *summary; /* one line */
	int (*run)(const struct config *config);
	void (*help)(FILE *out); /* prints what --help says after the options; may be NULL */
};
extern const struct command_desc commands[]; /* ends with a NULL name */

int command_serve(const struct config *config);
int command_classify(const struct config *config);
int command_inspect(const struct config *config);
int command_see(const struct config *config);
int command_explain(const struct config *config);
int command_bench(const struct config *config);
int command_health(const struct config *config);
int command_train(const struct config *config);
void command_train_help(FILE *out);

/* The result of a command as JSON with a line's end; a `json` that is NULL or lacks a part: out of memory. Returns the
 * exit status. */
int command_print_json(const char *command, const json_t *json, size_t flags);

#endif
