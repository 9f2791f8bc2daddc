/* manual.h - the manual page convd(1), in mdoc(7); its options are those of options.def. */
#ifndef SERVER_COMMANDS_MANUAL_H
#define SERVER_COMMANDS_MANUAL_H
#include <stdio.h>

void manual_print(FILE *out);

#endif
