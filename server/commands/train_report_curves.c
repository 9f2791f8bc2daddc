/* Accuracy and loss over the epochs, as SVG. */
#include "server/commands/train_report_parts.h"

#include <float.h>
#include <math.h>

enum { WIDTH = 480, HEIGHT = 260, LEFT = 48, RIGHT = 12, TOP = 10, BOTTOM = 40, TICKS = 5 };

struct series {
	const char *name, *mark; /* the class of its line: "t" or "v" */
	double (*value)(const struct train_epoch *e);
};

struct chart {
	const char *title;
	bool percent;   /* values are shares */
	bool from_zero; /* the axis begins at 0 */
	double most;    /* the axis ends here at the latest */
	struct series series[2];
};

struct axis {
	double low, high, step;
};

static double train_loss(const struct train_epoch *e)
{
	return e->train_loss;
}

static double val_loss(const struct train_epoch *e)
{
	return e->val_accuracy < 0 ? -1 : e->val_loss;
}

static double train_accuracy(const struct train_epoch *e)
{
	return e->train_accuracy;
}

static double val_accuracy(const struct train_epoch *e)
{
	return e->val_accuracy;
}

/* 1, 2 or 5 times a power of ten: the next at or above `least`. */
static double nice_step(double least)
{
	double power = pow(10, floor(log10(least)));
	double share = least / power;
	return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

/* A value that was not measured is negative. */
static bool measured(const struct series *s, const struct train_epoch *e)
{
	double y = s->value(e);
	return y >= 0 && isfinite(y);
}

static struct axis value_axis(const struct chart *c, const struct report_data *d)
{
	double low = DBL_MAX, high = 0;
	for (size_t i = 0; i < d->n_epochs; i++)
		for (int k = 0; k < 2; k++) {
			if (!measured(&c->series[k], &d->epoch[i]))
				continue;
			double y = c->series[k].value(&d->epoch[i]);
			low = y < low ? y : low;
			high = y > high ? y : high;
		}
	if (c->from_zero || low > high)
		low = 0;
	if (!(high - low > 1e-9)) {
		low = low > 0.05 ? low - 0.05 : 0;
		high = high + 0.05 < c->most ? high + 0.05 : c->most;
	}
	struct axis a = {.step = nice_step((high - low) / TICKS)};
	a.low = floor(low / a.step) * a.step;
	a.high = ceil(high / a.step) * a.step;
	if (a.high > c->most)
		a.high = c->most;
	return a;
}

static double x_at(const struct report_data *d, size_t i)
{
	double span = d->n_epochs > 1 ? (double)(d->n_epochs - 1) : 1;
	double share = d->n_epochs > 1 ? (double)i / span : 0.5;
	return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_at(const struct axis *a, double y)
{
	return TOP + (a->high - y) / (a->high - a->low) * (HEIGHT - TOP - BOTTOM);
}

static void print_value(FILE *f, const struct chart *c, double y)
{
	if (c->percent)
		fprintf(f, "%.3g%%", 100 * y);
	else
		fprintf(f, "%.3g", y);
}

static void print_axes(FILE *f, const struct chart *c, const struct axis *a,
                       const struct report_data *d)
{
	for (int i = 0; i <= 2 * TICKS; i++) {
		double value = a->low + i * a->step;
		if (value > a->high + a->step * 1e-6)
			break;
		double y = y_at(a, value);
		fprintf(f, "<line class=grid x1=%d x2=%d y1=%.1f y2=%.1f />", LEFT, WIDTH - RIGHT,
		        y, y);
		fprintf(f, "<text x=%d y=%.1f text-anchor=end>", LEFT - 8, y + 4);
		print_value(f, c, fabs(value) < a->step * 1e-6 ? 0 : value);
		fputs("</text>", f);
	}
	fprintf(f, "<line class=axis x1=%d x2=%d y1=%d y2=%d />", LEFT, WIDTH - RIGHT,
	        HEIGHT - BOTTOM, HEIGHT - BOTTOM);
	double step = nice_step((double)d->n_epochs / 8);
	size_t every = step < 1 ? 1 : (size_t)step;
	for (size_t i = 0; i < d->n_epochs; i++) {
		int32_t epoch = d->epoch[i].epoch;
		if (i != 0 && (size_t)epoch % every != 0)
			continue;
		fprintf(f, "<text x=%.1f y=%d text-anchor=middle>%d</text>", x_at(d, i),
		        HEIGHT - BOTTOM + 18, epoch);
	}
	fprintf(f, "<text x=%d y=%d text-anchor=middle>epoch</text>",
	        LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 4);
}

static void print_line(FILE *f, const struct chart *c, const struct series *s, const struct axis *a,
                       const struct report_data *d)
{
	bool drawing = false;
	fprintf(f, "<path class=%s d=\"", s->mark);
	for (size_t i = 0; i < d->n_epochs; i++) {
		bool has = measured(s, &d->epoch[i]);
		if (has)
			fprintf(f, "%c%.1f %.1f", drawing ? 'L' : 'M', x_at(d, i),
			        y_at(a, s->value(&d->epoch[i])));
		drawing = has;
	}
	fputs("\"/>", f);
	/* what the mouse finds; with a single epoch all that is seen */
	for (size_t i = 0; i < d->n_epochs; i++) {
		if (!measured(s, &d->epoch[i]))
			continue;
		double y = s->value(&d->epoch[i]);
		fprintf(f, "<circle class=%s cx=%.1f cy=%.1f r=4><title>epoch %d: ",
		        d->n_epochs == 1 ? s->mark : "tip", x_at(d, i), y_at(a, y),
		        d->epoch[i].epoch);
		print_value(f, c, y);
		fputs("</title></circle>", f);
	}
}

static void print_chart(FILE *f, const struct chart *c, const struct report_data *d)
{
	const struct train_epoch *last = &d->epoch[d->n_epochs - 1];
	struct axis a = value_axis(c, d);
	fprintf(f, "<div class=\"card chart\"><h3>%s</h3><p class=legend>", c->title);
	for (int k = 0; k < 2; k++) {
		const struct series *s = &c->series[k];
		if (!measured(s, last))
			continue;
		fprintf(f, "<span><i class=%s></i>%s, at the end ", s->mark, s->name);
		print_value(f, c, s->value(last));
		fputs("</span>", f);
	}
	fprintf(f, "</p><svg viewBox=\"0 0 %d %d\" role=img aria-label=\"%s\">", WIDTH, HEIGHT,
	        c->title);
	print_axes(f, c, &a, d);
	for (int k = 0; k < 2; k++)
		print_line(f, c, &c->series[k], &a, d);
	fputs("</svg></div>\n", f);
}

static void print_best(FILE *f, const struct report_data *d)
{
	const struct train_epoch *best = NULL;
	for (size_t i = 0; i < d->n_epochs; i++)
		if (d->epoch[i].val_accuracy >= 0 &&
		    (!best || d->epoch[i].val_accuracy > best->val_accuracy))
			best = &d->epoch[i];
	if (best && best != &d->epoch[d->n_epochs - 1])
		fprintf(f,
		        " Validation was best after epoch %d, with %.1f%%; the model that was "
		        "written is the one of the end.",
		        best->epoch, 100 * best->val_accuracy);
}

void report_curves(FILE *f, const struct report_data *d)
{
	static const struct chart charts[] = {
		{"Accuracy",
	         true,
	         false,
	         1,
	         {{"training", "t", train_accuracy}, {"validation", "v", val_accuracy}}},
		{"Loss",
	         false,
	         true,
	         1e300,
	         {{"training", "t", train_loss}, {"validation", "v", val_loss}}},
	};
	if (d->n_epochs == 0)
		return;
	fputs("<h2>How learning went</h2>\n<p class=soft>Accuracy is the share of pictures whose "
	      "most "
	      "probable class is the true one. Loss also counts how sure the network was: it is "
	      "what training makes smaller, and a confident mistake costs much. When validation "
	      "gets worse "
	      "while training still gets better, the network begins to learn its pictures by "
	      "heart. Training can "
	      "look worse than validation, because its pictures are made harder on purpose.",
	      f);
	print_best(f, d);
	fputs("</p><div class=charts>\n", f);
	for (size_t i = 0; i < sizeof charts / sizeof charts[0]; i++)
		print_chart(f, &charts[i], d);
	fputs("</div>\n", f);
}
