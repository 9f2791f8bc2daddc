/* main.c - convd COMMAND: find the command, read its options, run it. */
#include "engine/base/json_text.h"
#include "engine/base/version.h"
#include "server/commands/commands.h"
#include "server/commands/completion.h"
#include "server/commands/manual.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

const struct command_desc commands[] = {
	{"serve", CMD_SERVE, "[MODEL ...]", "answer pictures over HTTP", command_serve, NULL},
	{"classify", CMD_CLASSIFY, "PHOTO ...",
         "classify photos without a server (- reads one from stdin)", command_classify, NULL},
	{"inspect", CMD_INSPECT, "[MODEL]", "show every layer of a model", command_inspect, NULL},
	{"see", CMD_SEE, "[MODEL]", "show what a layer makes of a photo, and its filters",
         command_see, NULL},
	{"explain", CMD_EXPLAIN, "[MODEL]", "show where in a photo a class was seen",
         command_explain, NULL},
	{"bench", CMD_BENCH, "[MODEL]", "measure how fast a model runs here", command_bench, NULL},
	{"health", CMD_HEALTH, "[URL]", "exit 0 when a server is ready", command_health, NULL},
	{"train", CMD_TRAIN, "DATA", "learn a model from a folder of photos", command_train,
         command_train_help},
	{0},
};

static void print_usage(FILE *out)
{
	fputs("usage: convd COMMAND [OPTION ...]\n\n"
	      "convd classifies photos with convolutional neural networks, over HTTP or by "
	      "hand.\n\n",
	      out);
	for (const struct command_desc *c = commands; c->name; c++)
		fprintf(out, "  convd %-9s %-12s %s\n", c->name, c->args, c->summary);
	fprintf(out, "  convd %-9s %-12s %s\n", "help", "[TOPIC]",
	        "show this, a command's options, the manual page (man),\n"
	        "                               or what completes words in bash, fish or zsh");
	fputs("\n"
	      "A MODEL is a directory with model.onnx, model.json and labels.txt, or an .onnx "
	      "file;\n"
	      "NAME=PATH gives it a name. convd COMMAND --help shows the options of a command. "
	      "Each is also\n"
	      "an environment variable (--max-batch: CONVD_MAX_BATCH) and, for serve, a key of the "
	      "file\n"
	      "given by --config (\"max_batch\").\n",
	      out);
}

static void print_command(const struct command_desc *c)
{
	printf("usage: convd %s [OPTION ...] %s\n\n%s\n\noptions [default]:\n", c->name, c->args,
	       c->summary);
	config_print_options(c->id, stdout);
	if (c->help)
		c->help(stdout);
}

static const struct command_desc *find_command(const char *name)
{
	for (const struct command_desc *c = commands; c->name; c++)
		if (strcmp(name, c->name) == 0)
			return c;
	return NULL;
}

/* Results that could not be written are a failure. */
static int print_help(const char *topic)
{
	const struct command_desc *c = find_command(topic);
	if (c) {
		print_command(c);
	} else if (strcmp(topic, "man") == 0) {
		manual_print(stdout);
	} else if (!completion_print(topic, stdout)) {
		fprintf(stderr, "convd help: there is no '%s'\n", topic);
		return 2;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

static int run_command(const struct command_desc *c, int argc, char **argv)
{
	struct config config;
	struct cnn_error err;
	enum cnn_status status = config_read(c->id, argc, argv, &config, &err);
	if (status == CNN_NO_MEMORY) {
		fprintf(stderr, "convd %s: %s\n", c->name, err.text);
		return 1;
	}
	if (status) {
		fprintf(stderr, "convd %s: %s\nTry 'convd %s --help'\n", c->name, err.text,
		        c->name);
		return 2;
	}
	int code = 0;
	if (config.help)
		print_command(c);
	else
		code = c->run(&config);
	config_clear(&config);
	/* results that could not be written are a failure too */
	if (fflush(stdout) != 0 && code == 0)
		code = 1;
	return code;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	json_text_begin();
	if (argc < 2) {
		print_usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("convd %s\n", convd_version);
		return 0;
	}
	if (strcmp(argv[1], "help") == 0 && argc > 2)
		return print_help(argv[2]);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return 0;
	}
	const struct command_desc *c = find_command(argv[1]);
	if (c)
		return run_command(c, argc - 2, argv + 2);
	fprintf(stderr, "convd: '%s' is no command\n\n", argv[1]);
	print_usage(stderr);
	return 2;
}
