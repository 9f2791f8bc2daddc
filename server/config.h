/* config.h - the options of a command, from flags, environment, JSON file and defaults. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H
#include "engine/base/status.h"
#include "engine/base/types.h"
#include <stdio.h>

/* Commands, as bits: the rows of options.def say where an option applies. */
enum command {
	CMD_SERVE = 1,
	CMD_CLASSIFY = 2,
	CMD_INSPECT = 4,
	CMD_BENCH = 8,
	CMD_HEALTH = 16,
	CMD_TRAIN = 32,
	CMD_SEE = 64,
	CMD_EXPLAIN = 128,
	CMD_ALL_MODEL = CMD_SERVE | CMD_CLASSIFY | CMD_INSPECT | CMD_BENCH | CMD_SEE | CMD_EXPLAIN,
};

struct config {
#define OPT_STRING(field, def, metavar, commands, help)           const char *field;
#define OPT_NUMBER(field, def, min, max, metavar, commands, help) int64_t field;
#define OPT_REAL(field, def, min, max, metavar, commands, help)   double field;
#define OPT_CHOICE(field, def, choices, commands, help)           int field;
#define OPT_FLAG(field, def, commands, help)                      bool field;
#include "server/options.def"
#undef OPT_STRING
#undef OPT_NUMBER
#undef OPT_REAL
#undef OPT_CHOICE
#undef OPT_FLAG
	/* The words after the options: MODEL ... for serve, PHOTO ... for classify, URL for health, DATA for train.
	 * For serve the JSON file's "models" array comes here when the command line names none. */
	const char *const *args;
	size_t n_args;
	bool help;   /* --help was given */
	void *owned; /* what config_clear() frees */
};

/* Read argv (without the program's and the command's name). The flag wins over the environment, the
 * environment over the JSON file, the file over the default. Accepts --flag VALUE and --flag=VALUE, "--" ends the
 * options. Errors (CNN_BAD_ARG, CNN_IO) name the option, where it was given and the range:
 * "CONVD_PORT=70000: must be 0..65535". Unknown keys of the file and unknown flags are errors, unknown CONVD_
 * variables too (they are most often typing errors). */
enum cnn_status config_read(enum command command, int argc, char **argv, struct config *out,
                            struct cnn_error *err);
void config_clear(struct config *config);

/* The options of one command as --help shows them, with default and range. */
void config_print_options(enum command command, FILE *out);

#endif
