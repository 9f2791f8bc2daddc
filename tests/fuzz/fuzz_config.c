/* fuzz_config.c - any bytes as the server's file of options. */
#include "server/config.h"
#include "server/option.h"
#include "tests/fuzz/target.h"

/* Every number is in its range. */
static void check_config(const struct config *c)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];
		const void *field = (const char *)c + o->offset;
		if (o->kind == OPTION_NUMBER)
			check(*(const int64_t *)field >= o->min &&
			      *(const int64_t *)field <= o->max);
		if (o->kind == OPTION_REAL)
			check(*(const double *)field >= o->real_min &&
			      *(const double *)field <= o->real_max);
	}
	for (size_t i = 0; i < c->n_args; i++)
		check(c->args[i] != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct config config;
	struct cnn_error err = {0};
	char path[64], flag[] = "--config";
	int fd = memory_file(bytes, len, path);
	enum cnn_status status = config_read(CMD_SERVE, 2, (char *[]){flag, path}, &config, &err);
	if (status)
		check_refusal(status, &err);
	else
		check_config(&config);
	if (!status)
		config_clear(&config);
	close(fd);
	return 0;
}
