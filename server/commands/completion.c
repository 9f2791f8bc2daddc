#include "server/commands/completion.h"
#include "server/commands/commands.h"
#include "server/option.h"

#include <string.h>

/* What help can be asked for beside commands. */
#define TOPICS "man bash fish zsh"

static bool is_of(const struct option *o, const struct command_desc *c)
{
	return (o->commands & c->id) != 0;
}

static bool takes_file(const struct option *o)
{
	static const char *const files[] = {"FILE", "DIR", "PATH", "MODEL", NULL};
	for (const char *const *f = files; o->metavar && *f; f++)
		if (strcmp(o->metavar, *f) == 0)
			return true;
	return false;
}

/* In front of each of these characters goes `before`. */
static void print_escaped(FILE *out, const char *text, const char *special, const char *before)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			fputs(before, out);
		fputc(*text, out);
	}
}

/* The choices, "a|b", with spaces between them. */
static void print_choices(FILE *out, const struct option *o)
{
	for (const char *p = o->metavar; *p; p++)
		fputc(*p == '|' ? ' ' : *p, out);
}

static void print_commands(FILE *out)
{
	for (const struct command_desc *c = commands; c->name; c++)
		fprintf(out, "%s ", c->name);
}

/* --- bash --------------------------------------------------------------------------------------- */

static void bash_values(FILE *out)
{
	char flag[OPTION_FLAG_BYTES];
	for (size_t i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];
		if (o->kind == OPTION_FLAG)
			continue;
		option_flag(o, flag);
		fprintf(out, "\t--%s) ", flag);
		if (o->kind == OPTION_CHOICE) {
			fputs("COMPREPLY=($(compgen -W '", out);
			print_choices(out, o);
			fputs("' -- \"$word\")); return ;;\n", out);
		} else {
			fputs(takes_file(o) ? "compopt -o default; return ;;\n" : "return ;;\n",
			      out);
		}
	}
}

static void bash_flags(FILE *out, const struct command_desc *c)
{
	char flag[OPTION_FLAG_BYTES];
	fprintf(out, "\t%s) flags='", c->name);
	for (size_t i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];
		if (!is_of(o, c))
			continue;
		option_flag(o, flag);
		fprintf(out, "--%s ", flag);
		if (o->kind == OPTION_FLAG)
			fprintf(out, "--no-%s ", flag);
	}
	fputs("--help' ;;\n", out);
}

static void print_bash(FILE *out)
{
	fputs("# bash completion for convd, as written by: convd help bash\n"
	      "_convd() {\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} flags=\n"
	      "\tCOMPREPLY=()\n"
	      "\t# --option=value comes as three words.\n"
	      "\tif [[ $word == '=' ]]; then word=\n"
	      "\telif [[ $before == '=' ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
	      "\tif ((COMP_CWORD == 1)); then\n"
	      "\t\tCOMPREPLY=($(compgen -W '",
	      out);
	print_commands(out);
	fputs("help --help --version' -- \"$word\"))\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tcase $before in\n",
	      out);
	bash_values(out);
	fputs("\tesac\n\tcase ${COMP_WORDS[1]} in\n", out);
	for (const struct command_desc *c = commands; c->name; c++)
		bash_flags(out, c);
	fputs("\thelp) COMPREPLY=($(compgen -W '", out);
	print_commands(out);
	fputs(TOPICS "' -- \"$word\")); return ;;\n"
	             "\tesac\n"
	             "\tif [[ $word == -* ]]; then COMPREPLY=($(compgen -W \"$flags\" -- "
	             "\"$word\"))\n"
	             "\telse compopt -o default; fi\n"
	             "}\n"
	             "complete -F _convd convd\n",
	      out);
}

/* --- fish --------------------------------------------------------------------------------------- */

static void fish_text(FILE *out, const char *text)
{
	fputc('\'', out);
	print_escaped(out, text, "'\\", "\\");
	fputc('\'', out);
}

static void fish_option(FILE *out, const struct command_desc *c, const struct option *o)
{
	char flag[OPTION_FLAG_BYTES];
	option_flag(o, flag);
	fprintf(out, "complete -c convd -n '__fish_seen_subcommand_from %s' -l %s", c->name, flag);
	if (o->kind == OPTION_CHOICE) {
		fputs(" -x -a '", out);
		print_choices(out, o);
		fputc('\'', out);
	} else if (o->kind != OPTION_FLAG) {
		fputs(takes_file(o) ? " -r -F" : " -x", out);
	}
	fputs(" -d ", out);
	fish_text(out, o->help);
	fputc('\n', out);
	if (o->kind == OPTION_FLAG)
		fprintf(out, "complete -c convd -n '__fish_seen_subcommand_from %s' -l no-%s\n",
		        c->name, flag);
}

static void print_fish(FILE *out)
{
	fputs("# fish completion for convd, as written by: convd help fish\n", out);
	for (const struct command_desc *c = commands; c->name; c++) {
		fprintf(out, "complete -c convd -f -n __fish_use_subcommand -a %s -d ", c->name);
		fish_text(out, c->summary);
		fputc('\n', out);
		for (size_t i = 0; i < option_count; i++)
			if (is_of(&option_table[i], c))
				fish_option(out, c, &option_table[i]);
	}
	fputs("complete -c convd -f -n __fish_use_subcommand -a help\n"
	      "complete -c convd -f -n '__fish_seen_subcommand_from help' -a '",
	      out);
	print_commands(out);
	fputs(TOPICS "'\n", out);
}

/* --- zsh ---------------------------------------------------------------------------------------- */

/* Inside of single quotes, which a quote leaves; colons and brackets are _arguments' own. */
static void zsh_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else
			print_escaped(out, (char[]){*text, '\0'}, ":[]\\", "\\");
	}
}

static void zsh_option(FILE *out, const struct option *o)
{
	char flag[OPTION_FLAG_BYTES];
	option_flag(o, flag);
	fprintf(out, " \\\n\t\t'--%s%s[", flag, o->kind == OPTION_FLAG ? "" : "=");
	zsh_text(out, o->help);
	fputc(']', out);
	if (o->kind == OPTION_CHOICE) {
		fputs(":value:(", out);
		print_choices(out, o);
		fputc(')', out);
	} else if (o->kind != OPTION_FLAG) {
		fprintf(out, ":%s:%s", o->metavar, takes_file(o) ? "_files" : " ");
	}
	fputc('\'', out);
	if (o->kind == OPTION_FLAG)
		fprintf(out, " \\\n\t\t'--no-%s'", flag);
}

static void print_zsh(FILE *out)
{
	fputs("#compdef convd\n"
	      "# zsh completion for convd, as written by: convd help zsh\n"
	      "_convd() {\n"
	      "\tif ((CURRENT == 2)); then\n"
	      "\t\tlocal -a list=(",
	      out);
	for (const struct command_desc *c = commands; c->name; c++) {
		fprintf(out, "'%s:", c->name);
		zsh_text(out, c->summary);
		fputs("' ", out);
	}
	fputs("'help:show this, or what a command can do')\n"
	      "\t\t_describe command list\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tlocal command=$words[2]\n"
	      "\tshift words\n"
	      "\t((CURRENT--))\n"
	      "\tcase $command in\n",
	      out);
	for (const struct command_desc *c = commands; c->name; c++) {
		fprintf(out, "\t%s) _arguments", c->name);
		for (size_t i = 0; i < option_count; i++)
			if (is_of(&option_table[i], c))
				zsh_option(out, &option_table[i]);
		fputs(" \\\n\t\t'*:file:_files' ;;\n", out);
	}
	fputs("\thelp) _arguments '1:topic:(", out);
	print_commands(out);
	fputs(TOPICS ")' ;;\n\tesac\n}\n_convd \"$@\"\n", out);
}

bool completion_print(const char *shell, FILE *out)
{
	static const struct {
		const char *name;
		void (*print)(FILE *out);
	} shells[] = {{"bash", print_bash}, {"fish", print_fish}, {"zsh", print_zsh}};
	for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].print(out);
			return true;
		}
	}
	return false;
}
