#include "server/commands/commands.h"
#include "server/commands/model_path.h"
#include "server/model_json.h"

#include <stdlib.h>

static int print_json(const struct cnn_model *model)
{
	const char *name = cnn_model_info(model)->name;
	json_t *all = model_json_layers(model, name);
	const struct cnn_model_info *info = cnn_model_info(model);
	json_t *memory = json_pack(
		"{s:I, s:I, s:I}", "weight_bytes", (json_int_t)info->weight_bytes, "arena_bytes",
		(json_int_t)info->arena_bytes, "live_bytes", (json_int_t)info->live_bytes);
	bool ok = all && json_object_set_new(all, "memory", memory) == 0 &&
	          json_object_set_new(all, "model", model_json_info(model, name)) == 0;
	if (!ok) {
		fprintf(stderr, "convd inspect: out of memory\n");
		json_decref(all);
		return 1;
	}
	int failed = json_dumpf(all, stdout, JSON_INDENT(1)) != 0 || putchar('\n') < 0;
	json_decref(all);
	return failed;
}

static int print_text(const struct cnn_model *model)
{
	char *text = model_text_layers(model, cnn_model_info(model)->name);
	if (!text)
		fprintf(stderr, "convd inspect: out of memory\n");
	else
		fputs(text, stdout);
	free(text);
	const struct cnn_model_info *info = cnn_model_info(model);
	printf("\nmemory: %.2f MB of packed weights; %.2f MB for the feature maps of one picture, "
	       "of which up "
	       "to %.2f MB are\nin use at once: no arrangement could do with less\n",
	       (double)info->weight_bytes * 1e-6, (double)info->arena_bytes * 1e-6,
	       (double)info->live_bytes * 1e-6);
	return text == NULL;
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
	int code = config->json ? print_json(model) : print_text(model);
	cnn_model_unref(model);
	return code;
}
