/* completion.h - what lets a shell complete convd's commands, options and their values; from options.def. */
#ifndef SERVER_COMMANDS_COMPLETION_H
#define SERVER_COMMANDS_COMPLETION_H
#include "engine/base/types.h"
#include <stdio.h>

/* The script for "bash", "fish" or "zsh". False: another shell. */
bool completion_print(const char *shell, FILE *out);

#endif
