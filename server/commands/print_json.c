#include "engine/base/json_text.h"
#include "server/commands/commands.h"

int command_print_json(const char *command, const json_t *json, size_t flags)
{
	if (json_print(json, stdout, flags))
		return 0;
	if (!ferror(stdout))
		fprintf(stderr, "convd %s: out of memory\n", command);
	return 1;
}
