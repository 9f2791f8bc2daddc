#include "server/commands/commands.h"
#include "server/commands/measure.h"
#include "server/commands/model_path.h"
#include "server/layer_table.h"
#include "server/model_json.h"

#include <stdlib.h>

enum { FORMAT_TEXT, FORMAT_JSON, FORMAT_CSV };

static int no_memory(void)
{
	fprintf(stderr, "convd inspect: out of memory\n");
	return 1;
}

static bool add_times(json_t *all, const double *us)
{
	json_t *rows = json_object_get(all, "layers");
	bool ok = true;
	for (size_t i = 0; us && ok && i < json_array_size(rows); i++)
		ok = json_object_set_new(json_array_get(rows, i), "measured_us",
		                         us[i] < 0 ? json_null() : json_real(us[i])) == 0;
	return ok;
}

static int print_json(const struct cnn_model *model, const double *us)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	json_t *all = model_json_layers(model, info->name);
	json_t *memory = json_pack(
		"{s:I, s:I, s:I}", "weight_bytes", (json_int_t)info->weight_bytes, "arena_bytes",
		(json_int_t)info->arena_bytes, "live_bytes", (json_int_t)info->live_bytes);
	bool ok = all && json_object_set(all, "memory", memory) == 0 &&
	          json_object_set_new(all, "model", model_json_info(model, info->name)) == 0 &&
	          add_times(all, us);
	json_decref(memory);
	int failed = command_print_json("inspect", ok ? all : NULL, JSON_INDENT(1));
	json_decref(all);
	return failed;
}

static int print_text(const struct cnn_model *model, const double *us)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	char *text = layer_table_text(model, info->name, us);
	if (!text)
		return no_memory();
	fputs(text, stdout);
	free(text);
	printf("\nmemory: %.2f MB of packed weights; %.2f MB for the feature maps of one picture, "
	       "of which up to\n%.2f MB are in use at once: no arrangement could do with less\n",
	       (double)info->weight_bytes * 1e-6, (double)info->arena_bytes * 1e-6,
	       (double)info->live_bytes * 1e-6);
	return 0;
}

static int print_csv(const struct cnn_model *model, const double *us)
{
	char *text = layer_table_csv(model, us);
	if (!text)
		return no_memory();
	fputs(text, stdout);
	free(text);
	return 0;
}

static int print(const struct config *config, const struct cnn_model *model, const double *us)
{
	if (config->json || config->format == FORMAT_JSON)
		return print_json(model, us);
	return config->format == FORMAT_CSV ? print_csv(model, us) : print_text(model, us);
}

static int measure_and_print(const struct config *config, struct cnn_model *model)
{
	struct cnn_error err;
	double *us = calloc(cnn_model_layers(model) + 1, sizeof *us);
	if (!us)
		return no_memory();
	int code = 1;
	if (measure_layers(model, us, &err) == CNN_OK)
		code = print(config, model, us);
	else
		fprintf(stderr, "convd inspect: %s\n", err.text);
	free(us);
	return code;
}

int command_inspect(const struct config *config)
{
	if (config->n_args > 1) {
		fprintf(stderr, "convd inspect: one model at a time\n");
		return 2;
	}
	struct cnn_model *model =
		model_path_load(config, "inspect", config->n_args ? config->args[0] : NULL, 1);
	if (!model)
		return 1;
	int code = config->measure ? measure_and_print(config, model) : print(config, model, NULL);
	cnn_model_unref(model);
	return code;
}
