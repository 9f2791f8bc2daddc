#include "server/commands/manual.h"
#include "server/commands/commands.h"
#include "server/option.h"

#include <string.h>

static const char beginning[] = ".Dd November 27, 2026\n"
				".Dt CONVD 1\n"
				".Os\n"
				".Sh NAME\n"
				".Nm convd\n"
				".Nd tell what is in a photo, with convolutional neural networks\n"
				".Sh SYNOPSIS\n";

static const char description[] =
	".Nm convd Cm help Op Ar command | Cm man | bash | fish | zsh\n"
	".Nm convd Fl -version\n"
	".Sh DESCRIPTION\n"
	".Nm\n"
	"loads networks from the ONNX files that training frameworks write, and classifies JPEG "
	"and "
	"PNG pictures with them:\n"
	"over HTTP, or from the command line.\n"
	"A running server has its own page at\n"
	".Pa /\n"
	"and describes its HTTP interface at\n"
	".Pa /docs .\n"
	".Pp\n"
	"A\n"
	".Ar MODEL\n"
	"is a folder with\n"
	".Pa model.onnx\n"
	"and, where there are such,\n"
	".Pa model.json\n"
	"and\n"
	".Pa labels.txt ,\n"
	"or a file\n"
	".Pa .onnx .\n"
	".Ar NAME Ns = Ns Ar PATH\n"
	"gives it a name.\n"
	"Without one, the network that is installed with\n"
	".Nm\n"
	"is used.\n"
	".Pp\n"
	"Each option may be given as\n"
	".Fl -option Ar value\n"
	"or\n"
	".Fl -option Ns = Ns Ar value ;\n"
	"one without a value also as\n"
	".Fl -no-option .\n"
	"Numbers may end in K, M or G, powers of 1024.\n"
	"Brackets show the value that holds when none is given, and the range.\n";

static const char rest[] =
	".Sh ENVIRONMENT\n"
	".Bl -tag -width Ds\n"
	".It Ev CONVD_OPTION\n"
	"Each option is a variable too:\n"
	".Fl -max-batch\n"
	"is\n"
	".Ev CONVD_MAX_BATCH .\n"
	"The option comes first, then the variable, then, for\n"
	".Cm serve ,\n"
	"the file that\n"
	".Fl -config\n"
	"names.\n"
	"A variable that begins with\n"
	".Ev CONVD_\n"
	"and is no option's is an error.\n"
	".It Ev LISTEN_FDS , LISTEN_PID\n"
	"A supervisor hands a listening TCP socket over, as\n"
	".Xr sd_listen_fds 3\n"
	"says; then\n"
	".Fl -host\n"
	"and\n"
	".Fl -port\n"
	"are not looked at.\n"
	".It Ev NOTIFY_SOCKET\n"
	"Where\n"
	".Cm serve\n"
	"tells that it is ready, reloads and stops, as\n"
	".Xr sd_notify 3\n"
	"says.\n"
	".El\n"
	".Sh FILES\n"
	".Bl -tag -width Ds\n"
	".It Pa /etc/convd/convd.json\n"
	"What the systemd service reads: the options of\n"
	".Cm serve\n"
	"by their names with underscores,\n"
	".Ql \"max_batch\" : 8 ,\n"
	"and\n"
	".Ql \"models\" : [] ,\n"
	"the models to serve.\n"
	".It Pa /usr/share/convd/models\n"
	"The network that is installed with\n"
	".Nm .\n"
	".El\n"
	".Sh SIGNALS\n"
	"Of\n"
	".Cm serve :\n"
	".Bl -tag -width Ds\n"
	".It Dv SIGTERM , SIGINT\n"
	"Take no new connections, answer what was accepted, and end.\n"
	"A second\n"
	".Dv SIGINT\n"
	"ends at once.\n"
	".It Dv SIGHUP\n"
	"Load models, keys and certificate that have changed, and open the access log again.\n"
	"What is broken changes nothing; the log says why.\n"
	".El\n"
	".Sh EXIT STATUS\n"
	".Bl -tag -width Ds\n"
	".It 0\n"
	"It was done; a server has answered all that it had accepted.\n"
	".It 1\n"
	"It failed.\n"
	".It 2\n"
	"The options were wrong.\n"
	".El\n"
	".Sh EXAMPLES\n"
	"What is in a photo:\n"
	".Pp\n"
	".Dl $ convd classify photo.jpg\n"
	".Pp\n"
	"The same from a server:\n"
	".Pp\n"
	".Dl $ convd serve &\n"
	".Dl $ curl \\-T photo.jpg localhost:8080/predict\n"
	".Pp\n"
	"Two models, and all those of a folder, loaded again when their files change:\n"
	".Pp\n"
	".Dl $ convd serve \\-\\-model\\-repository models \\-\\-watch cats=cats.onnx dogs/\n"
	".Pp\n"
	"Learn from a folder that has a folder of photos for each class:\n"
	".Pp\n"
	".Dl $ convd train photos \\-\\-out models/mine\n"
	".Sh SEE ALSO\n"
	".Xr curl 1 ,\n"
	".Xr systemctl 1 ,\n"
	".Xr systemd.socket 5\n";

/* One line of text, nothing of which is a request or an escape. */
static void print_text(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
	}
}

/* "MODEL ..." or "[MODEL ...]" as arguments. */
static void print_args(FILE *out, const char *args)
{
	size_t len = strlen(args);
	if (*args == '[')
		fprintf(out, " Op Ar %.*s", (int)len - 2, args + 1);
	else
		fprintf(out, " Ar %s", args);
}

static void print_option(FILE *out, const struct option *o)
{
	char flag[OPTION_FLAG_BYTES];
	option_flag(o, flag);
	fprintf(out, ".It Fl -%s", flag);
	if (o->metavar)
		fputs(" Ar ", out);
	for (const char *p = o->metavar; p && *p; p++)
		fputs(*p == '|' ? " | " : (char[]){*p, '\0'}, out);
	fputc('\n', out);
	print_text(out, o->help);
	option_print_values(o, out);
	fputc('\n', out);
}

static void print_command(FILE *out, const struct command_desc *c)
{
	fprintf(out, ".Ss convd %s\n", c->name);
	fputc(c->summary[0] - 'a' + 'A', out); /* a verb */
	print_text(out, c->summary + 1);
	fputs(".\n.Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].commands & c->id)
			print_option(out, &option_table[i]);
	fputs(".It Fl -help\nShow the options.\n.El\n", out);
	if (!c->help)
		return;
	fputs(".Bd -literal\n", out);
	c->help(out);
	fputs(".Ed\n", out);
}

void manual_print(FILE *out)
{
	fputs(beginning, out);
	for (const struct command_desc *c = commands; c->name; c++) {
		fprintf(out, ".Nm convd Cm %s Oo Ar option ... Oc", c->name);
		print_args(out, c->args);
		fputc('\n', out);
	}
	fputs(description, out);
	fputs(".Sh COMMANDS\n", out);
	for (const struct command_desc *c = commands; c->name; c++)
		print_command(out, c);
	fputs(rest, out);
}
