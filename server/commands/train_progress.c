#include "server/commands/train_progress.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_WIDTH 80
#define REDRAW_NS     100000000u
#define BAR_MIN       8
#define BAR_MAX       30

struct train_view train_view_of(FILE *out)
{
	return (struct train_view){.out = out, .terminal = isatty(fileno(out))};
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t width_of(const struct train_view *v)
{
	struct winsize size = {0};
	if (ioctl(fileno(v->out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return DEFAULT_WIDTH;
	return size.ws_col;
}

void train_time_text(double seconds, char out[32])
{
	/* an estimate may be anything, and no training takes a year */
	double bounded = seconds >= 0 && seconds < 3.2e7 ? seconds : 0;
	long s = lround(bounded);
	if (s < 60)
		snprintf(out, 32, "%ld s", s);
	else if (s < 3600)
		snprintf(out, 32, "%ld:%02ld", s / 60, s % 60);
	else
		snprintf(out, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

/* Append a part when it fits: whole or not at all. */
static void append(char *out, size_t size, size_t width, const char *part)
{
	size_t at = strlen(out), n = strlen(part);
	if (at + n <= width && at + n < size)
		memcpy(out + at, part, n + 1);
}

static void bar_text(const struct train_progress *p, size_t cells, char out[BAR_MAX + 5])
{
	size_t full = p->total ? (size_t)((double)p->done / (double)p->total * (double)cells) : 0;
	if (full > cells)
		full = cells;
	strcpy(out, "  [");
	memset(out + 3, '#', full);
	memset(out + 3 + full, '-', cells - full);
	strcpy(out + 3 + cells, "]");
}

void train_step_text(const struct train_progress *p, size_t width, char *out, size_t size)
{
	char head[32], count[64], bar[BAR_MAX + 5] = "", left[32], part[4][64];
	size_t taken = 0;
	train_time_text(p->seconds_left, left);
	snprintf(head, sizeof head, "epoch %d/%d", p->epoch, p->epochs);
	snprintf(count, sizeof count, "  %zu/%zu", p->done, p->total);
	snprintf(part[0], sizeof part[0], "  loss %.3f", p->loss);
	snprintf(part[1], sizeof part[1], "  accuracy %.1f%%", 100 * p->accuracy);
	snprintf(part[2], sizeof part[2], "  %.0f pictures/s", p->pictures_per_second);
	snprintf(part[3], sizeof part[3], "  %s left", left);
	for (int i = 0; i < 4; i++)
		taken += strlen(part[i]);
	taken += strlen(head) + strlen(count);
	/* The 80 columns of most terminals are too few for all: the bar says more than the rate. */
	size_t without = taken - strlen(part[2]);
	if (width < taken + 4 + BAR_MIN && width >= without + 4 + BAR_MIN) {
		part[2][0] = '\0';
		taken = without;
	}
	size_t cells = width > taken + 4 ? width - taken - 4 : 0;
	if (cells >= BAR_MIN)
		bar_text(p, cells < BAR_MAX ? cells : BAR_MAX, bar);
	out[0] = '\0';
	append(out, size, width, head);
	append(out, size, width, bar);
	append(out, size, width, count);
	for (int i = 0; i < 4; i++)
		append(out, size, width, part[i]);
}

void train_epoch_text(const struct train_epoch *e, int32_t epochs, char *out, size_t size)
{
	char time[32], validation[96] = "";
	train_time_text(e->seconds, time);
	if (e->val_accuracy >= 0)
		snprintf(validation, sizeof validation, "  validation: loss %.3f  accuracy %.1f%%",
		         e->val_loss, 100 * e->val_accuracy);
	snprintf(out, size, "epoch %d/%d  loss %.3f  accuracy %.1f%%%s  %s", e->epoch, epochs,
	         e->train_loss, 100 * e->train_accuracy, validation, time);
}

void train_view_clear(struct train_view *v)
{
	if (v->open)
		fputs("\r\033[K", v->out);
	v->open = false;
}

/* It is time for a new text; the last one of an epoch is always shown. */
static bool due(struct train_view *v, bool last)
{
	uint64_t now = now_ns();
	if (!v->terminal || (v->open && !last && now - v->shown_ns < REDRAW_NS))
		return false;
	v->shown_ns = now;
	return true;
}

static void rewrite(struct train_view *v, const char *text)
{
	fprintf(v->out, "\r%s\033[K", text);
	fflush(v->out);
	v->open = true;
}

void train_view_reading(struct train_view *v, size_t done, size_t total)
{
	char text[96];
	if (!due(v, done == total))
		return;
	snprintf(text, sizeof text, "reading pictures  %zu/%zu", done, total);
	rewrite(v, text);
}

void train_view_step(struct train_view *v, const struct train_progress *p)
{
	char text[256];
	if (!due(v, p->done == p->total))
		return;
	/* a full last column would make some terminals begin a new line */
	train_step_text(p, width_of(v) - 1, text, sizeof text);
	rewrite(v, text);
}

void train_view_epoch(struct train_view *v, const struct train_epoch *e, int32_t epochs)
{
	char text[256];
	train_epoch_text(e, epochs, text, sizeof text);
	train_view_clear(v);
	fprintf(v->out, "%s\n", text);
	fflush(v->out);
}
