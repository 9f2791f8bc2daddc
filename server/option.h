/* option.h - the rows of options.def as data. For config.c, and what describes options elsewhere. */
#ifndef SERVER_OPTION_H
#define SERVER_OPTION_H
#include "server/config.h"

enum option_kind { OPTION_STRING, OPTION_NUMBER, OPTION_REAL, OPTION_CHOICE, OPTION_FLAG };

#define CMD_ANY ((enum command)0xff)

struct option {
	enum option_kind kind;
	const char *field; /* "max_batch" */
	size_t offset;     /* in struct config */
	const char *text;  /* default of a string */
	int64_t number;    /* default of a number, a choice or a flag */
	int64_t min, max;
	double real, real_min, real_max;
	const char *metavar; /* of a choice: "auto|off" */
	unsigned commands;
	const char *help;
};
extern const struct option option_table[];
extern const size_t option_count;

/* "max_batch" as the flag "max-batch". */
enum { OPTION_FLAG_BYTES = 64 };
void option_flag(const struct option *o, char out[OPTION_FLAG_BYTES]);
/* " [8; 1..256]": the default and the range, as people read them; nothing where there is neither. */
void option_print_values(const struct option *o, FILE *out);

/* The index of the option that `name` ("max-batch") is for a command; option_count when none. */
size_t option_find(enum command command, const char *name);
/* The flag that looks most like `name`, when one does. */
bool option_nearest(enum command command, const char *name, char out[64]);

/* Set the field from text; `where` begins the error. `text` is kept by string options. */
enum cnn_status option_set(const struct option *o, struct config *config, const char *where,
                           const char *text, struct cnn_error *err);
void option_default(const struct option *o, struct config *config);

#endif
