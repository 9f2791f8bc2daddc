/* The page around the sections: style, head, what was learned from. */
#include "server/commands/train_report_parts.h"

#include "server/commands/memory_stream.h"
#include "server/commands/train_progress.h"

#include <inttypes.h>
#include <stdlib.h>

/* The style sheet is part of the program. */
__asm__(".pushsection .rodata\n"
        ".global report_css\nreport_css:\n.incbin \"server/web/report.css\"\n.byte 0\n"
        ".popsection\n");
extern const char report_css[];

void report_text(FILE *f, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '&')
			fputs("&amp;", f);
		else if (*p == '<')
			fputs("&lt;", f);
		else if (*p == '>')
			fputs("&gt;", f);
		else if (*p == '"')
			fputs("&quot;", f);
		else if (*p == '\'')
			fputs("&#39;", f);
		else
			fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, f);
	}
}

void report_count(FILE *f, int64_t n)
{
	char plain[32];
	int length = snprintf(plain, sizeof plain, "%" PRId64, n);
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0 && plain[i - 1] != '-')
			fputc(',', f);
		fputc(plain[i], f);
	}
}

size_t report_right(const struct report_data *d)
{
	size_t right = 0;
	for (size_t i = 0; i < d->val; i++)
		right += d->guess[i].guess == d->guess[i].cls;
	return right;
}

double report_accuracy(const struct report_data *d)
{
	return d->val ? (double)report_right(d) / (double)d->val : 0;
}

/* 1234567 as "1.2 million" */
static void print_rounded(FILE *f, int64_t n)
{
	double x = (double)n;
	if (n >= 1000000000)
		fprintf(f, "%.1f billion", x * 1e-9);
	else if (n >= 1000000)
		fprintf(f, "%.1f million", x * 1e-6);
	else
		report_count(f, n);
}

double report_seconds(const struct report_data *d)
{
	double seconds = 0;
	for (size_t i = 0; i < d->n_epochs; i++)
		seconds += d->epoch[i].seconds;
	return seconds;
}

static void print_tiles(FILE *f, const struct report_data *d)
{
	char time[32];
	train_time_text(report_seconds(d), time);
	fputs("<div class=tiles>", f);
	if (d->val > 0) {
		fprintf(f, "<div class=main><b>%.1f%%</b><span>validation accuracy</span></div>",
		        100 * report_accuracy(d));
	}
	fprintf(f, "<div><b>%zu</b><span>classes</span></div><div><b>", d->classes);
	report_count(f, (int64_t)d->train);
	fputs("</b><span>training pictures</span></div><div><b>", f);
	print_rounded(f, d->parameters);
	fprintf(f,
	        "</b><span>parameters</span></div>"
	        "<div><b>%s</b><span>for %zu epoch%s</span></div></div>\n",
	        time, d->n_epochs, d->n_epochs == 1 ? "" : "s");
}

static void print_options(FILE *f, const struct report_data *d)
{
	fputs("<details><summary>All options</summary><dl>", f);
	for (size_t i = 0; i < d->n_options; i++) {
		fputs("<div><dt>", f);
		report_text(f, d->option[i].name);
		fputs("</dt><dd>", f);
		report_text(f, d->option[i].value);
		fputs("</dd></div>", f);
	}
	fputs("</dl></details>", f);
}

static void print_facts(FILE *f, const struct report_data *d)
{
	fputs("<h2>What it learned from</h2>\n<p class=soft>The network saw every training picture "
	      "once "
	      "in each epoch, changed a little each time, and never a validation picture: what it "
	      "gets right of those is what can be expected of new ones that are alike.</p>"
	      "<div class=card><dl><dt>Data</dt><dd>",
	      f);
	report_text(f, d->data);
	fputs("</dd><dt>Training</dt><dd>", f);
	report_count(f, (int64_t)d->train);
	fputs(" pictures</dd><dt>Validation</dt><dd>", f);
	report_count(f, (int64_t)d->val);
	fprintf(f, " pictures%s</dd>",
	        d->val == 0     ? ""
	        : d->val_is_own ? ", the data's own"
	                        : ", held out of the same classes");
	if (d->skipped > 0) {
		fputs("<dt>Left out</dt><dd>", f);
		report_count(f, (int64_t)d->skipped);
		fputs(" files that are no pictures or are broken</dd>", f);
	}
	fputs("<dt>Network</dt><dd>", f);
	report_text(f, d->network);
	fprintf(f,
	        "</dd><dt>Input</dt><dd>%" PRId32 " × %" PRId32 " pixels, %s</dd>"
	        "<dt>Parameters</dt><dd>",
	        d->size, d->size, d->channels == 1 ? "gray" : "red, green and blue");
	report_count(f, d->parameters);
	fputs("</dd><dt>Work for a picture</dt><dd>", f);
	print_rounded(f, d->macs);
	fputs(" multiplications and additions</dd></dl>", f);
	print_options(f, d);
	fputs("</div>\n", f);
}

static enum cnn_status print_page(FILE *f, const struct report_data *d, struct cnn_error *err)
{
	fputs("<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
	      "<meta name=viewport content=\"width=device-width,initial-scale=1\"><title>",
	      f);
	report_text(f, d->name);
	fprintf(f, " – training report</title><style>\n%s</style></head><body><main>\n<h1>",
	        report_css);
	report_text(f, d->name);
	fputs("</h1><p class=soft>How this network learned to tell ", f);
	fprintf(f, "%zu kinds of pictures apart, and how well it does.</p>\n", d->classes);
	print_tiles(f, d);
	print_facts(f, d);
	report_curves(f, d);
	enum cnn_status status = CNN_OK;
	if (d->val > 0)
		status = report_confusion(f, d, err);
	if (!status && d->filter)
		status = report_filters(f, d, err);
	if (!status && d->val > 0)
		status = report_mistakes(f, d, err);
	fputs("<footer>Written by convd ", f);
	report_text(f, d->version);
	fputs(". <code>convd serve</code> with this folder answers pictures with the network over "
	      "HTTP.</footer></main></body></html>\n",
	      f);
	return status;
}

enum cnn_status train_report(const struct report_data *d, char **html, size_t *len,
                             struct cnn_error *err)
{
	*html = NULL;
	*len = 0;
	struct memory_stream m;
	if (!memory_stream_open(&m))
		return cnn_fail(err, CNN_NO_MEMORY, "report.html: out of memory");
	enum cnn_status status = print_page(m.f, d, err);
	if (!memory_stream_close(&m) && !status)
		status = cnn_fail(err, CNN_NO_MEMORY, "report.html: out of memory");
	if (status) {
		free(m.bytes);
		return status;
	}
	*html = m.bytes;
	*len = m.len;
	return CNN_OK;
}
