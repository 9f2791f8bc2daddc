/* Which class is taken for which. */
#include "server/commands/train_report_parts.h"

#include <stdlib.h>

enum { MATRIX_MAX = 40, MANY = 14, PAIRS_MAX = 40 };

struct pair {
	uint32_t cls, guess;
	size_t n;
};

static void print_name(FILE *f, const struct report_data *d, size_t cls)
{
	fputs("<span title=\"", f);
	report_text(f, d->class_name[cls]);
	fputs("\">", f);
	report_text(f, d->class_name[cls]);
	fputs("</span>", f);
}

static void print_share(FILE *f, size_t n, size_t of)
{
	if (of == 0)
		fputs("<td class=sum>–</td>", f);
	else
		fprintf(f, "<td class=sum>%.0f%%</td>", 100.0 * (double)n / (double)of);
}

static void print_cell(FILE *f, size_t n, size_t of, bool right)
{
	double share = of ? (double)n / (double)of : 0;
	if (n == 0) {
		fputs(right ? "<td>0</td>" : "<td class=none></td>", f);
		return;
	}
	/* a single mistake among thousands must still be seen */
	double alpha = right ? 0.12 + 0.88 * share : 0.12 + 0.88 * (share < 0.5 ? 2 * share : 1);
	fprintf(f, "<td class=\"%s%s\" style=--a:%.2f>%zu</td>", right ? "hit" : "miss",
	        alpha > 0.6 ? " full" : "", alpha, n);
}

/* count is [classes][classes]: true class, guess. */
static void print_matrix(FILE *f, const struct report_data *d, const size_t *count)
{
	size_t n = d->classes;
	fprintf(f, "<div class=card><table class=\"m%s\"><tr><th></th>", n > MANY ? " many" : "");
	for (size_t k = 0; k < n; k++) {
		fputs("<th class=up>", f);
		print_name(f, d, k);
		fputs("</th>", f);
	}
	fputs("<th class=up><span>found (recall)</span></th></tr>\n", f);
	for (size_t i = 0; i < n; i++) {
		size_t row = 0;
		for (size_t k = 0; k < n; k++)
			row += count[i * n + k];
		fputs("<tr><th>", f);
		print_name(f, d, i);
		fputs("</th>", f);
		for (size_t k = 0; k < n; k++)
			print_cell(f, count[i * n + k], row, i == k);
		print_share(f, count[i * n + i], row);
		fputs("</tr>\n", f);
	}
	fputs("<tr><th>to be trusted (precision)</th>", f);
	for (size_t k = 0; k < n; k++) {
		size_t column = 0;
		for (size_t i = 0; i < n; i++)
			column += count[i * n + k];
		print_share(f, count[k * n + k], column);
	}
	fputs("<td class=sum></td></tr></table></div>\n", f);
}

static enum cnn_status matrix(FILE *f, const struct report_data *d, struct cnn_error *err)
{
	size_t cells = d->classes * d->classes;
	size_t *count = calloc(cells, sizeof *count);
	if (!count)
		return cnn_fail_memory(err, "the confusion matrix", cells * sizeof *count);
	for (size_t i = 0; i < d->val; i++)
		count[d->guess[i].cls * d->classes + d->guess[i].guess]++;
	fputs("<p class=soft>A row for each true class, a column for each guess. The blue cells "
	      "are right; "
	      "the others say what was taken for what, stronger where it happened to more of the "
	      "row's "
	      "pictures. At the right, the share of a class that was found; below, the share of "
	      "the guesses of a class that were right.</p>\n",
	      f);
	print_matrix(f, d, count);
	free(count);
	return CNN_OK;
}

static int by_classes(const void *a, const void *b)
{
	const struct pair *p = a, *q = b;
	if (p->cls != q->cls)
		return p->cls < q->cls ? -1 : 1;
	return p->guess < q->guess ? -1 : p->guess > q->guess;
}

static int by_count(const void *a, const void *b)
{
	const struct pair *p = a, *q = b;
	if (p->n != q->n)
		return p->n > q->n ? -1 : 1;
	return by_classes(a, b);
}

/* The mistakes as pairs, most frequent first; pair has room for one of each validation picture. */
static size_t collect_pairs(const struct report_data *d, struct pair *pair)
{
	size_t mistakes = 0, n = 0;
	for (size_t i = 0; i < d->val; i++)
		if (d->guess[i].cls != d->guess[i].guess)
			pair[mistakes++] = (struct pair){d->guess[i].cls, d->guess[i].guess, 1};
	qsort(pair, mistakes, sizeof *pair, by_classes);
	for (size_t i = 0; i < mistakes; i++) {
		if (n > 0 && by_classes(&pair[n - 1], &pair[i]) == 0)
			pair[n - 1].n++;
		else
			pair[n++] = pair[i];
	}
	qsort(pair, n, sizeof *pair, by_count);
	return n;
}

static size_t pictures_of(const struct report_data *d, uint32_t cls)
{
	size_t n = 0;
	for (size_t i = 0; i < d->val; i++)
		n += d->guess[i].cls == cls;
	return n;
}

static void print_pairs(FILE *f, const struct report_data *d, const struct pair *pair, size_t n)
{
	fprintf(f,
	        "<p class=soft>A table of all %zu classes would be too large to read: these are "
	        "the "
	        "classes that are taken for another most often.</p>\n<div class=card>"
	        "<table class=pairs><tr><th>true class</th><th>taken for</th><th>pictures</th>"
	        "<th>of the class</th></tr>\n",
	        d->classes);
	for (size_t i = 0; i < n; i++) {
		fputs("<tr><td>", f);
		report_text(f, d->class_name[pair[i].cls]);
		fputs("</td><td>", f);
		report_text(f, d->class_name[pair[i].guess]);
		fprintf(f, "</td><td class=n>%zu</td><td class=n>%.0f%%</td></tr>\n", pair[i].n,
		        100.0 * (double)pair[i].n / (double)pictures_of(d, pair[i].cls));
	}
	fputs("</table></div>\n", f);
}

static enum cnn_status pairs(FILE *f, const struct report_data *d, struct cnn_error *err)
{
	struct pair *pair = calloc(d->val, sizeof *pair);
	if (!pair)
		return cnn_fail_memory(err, "the confused pairs", d->val * sizeof *pair);
	size_t n = collect_pairs(d, pair);
	if (n > PAIRS_MAX)
		n = PAIRS_MAX;
	if (n > 0)
		print_pairs(f, d, pair, n);
	else
		fputs("<p class=soft>Nothing: every validation picture is right.</p>\n", f);
	free(pair);
	return CNN_OK;
}

enum cnn_status report_confusion(FILE *f, const struct report_data *d, struct cnn_error *err)
{
	fputs("<h2>What it confuses</h2>\n", f);
	return d->classes <= MATRIX_MAX ? matrix(f, d, err) : pairs(f, d, err);
}
