#include "engine/see/layout.h"

#include <math.h>

#define MAX_SIDE  4096
#define MOST_SIDE 16384
/* What a picture and a tile are magnified to, pixels. */
#define GOOD_SIDE 1024
#define GOOD_TILE 256

static int32_t at_most(size_t x, int32_t limit)
{
	return x > (size_t)limit ? limit : (int32_t)x;
}

/* So many columns that the picture is about square, or up to 1.75 times as wide when that leaves no row unfinished:
 * tiles are then easier to count. */
static int32_t square_columns(size_t n, double aspect, int32_t most)
{
	double side = sqrt((double)n / aspect);
	size_t least = side < 1 ? 1 : (size_t)ceil(side);
	for (size_t c = least; (double)c <= 1.75 * side && c <= n; c++)
		if (n % c == 0)
			return at_most(c, most);
	return at_most(least < n ? least : n, most);
}

/* The most pixels that each of `n` tiles may have on a side of `side`. */
static int32_t room(int32_t side, int32_t n, int32_t gap)
{
	return (side - gap) / n - gap;
}

static bool fits(const struct see_layout *l, size_t height, size_t width, int64_t zoom,
                 int32_t side)
{
	return (int64_t)width * zoom <= room(side, l->columns, l->gap) &&
	       (int64_t)height * zoom <= room(side, l->rows, l->gap);
}

static int32_t choose_zoom(const struct see_layout *l, size_t height, size_t width, int32_t wanted,
                           int32_t max_side)
{
	int32_t zoom = 1;
	if (!fits(l, height, width, 1, max_side))
		return 0;
	if (wanted > 0) {
		while (zoom < wanted && fits(l, height, width, zoom + 1, max_side))
			zoom++;
		return zoom;
	}
	int32_t good = max_side < GOOD_SIDE ? max_side : GOOD_SIDE;
	size_t longer = height > width ? height : width;
	while (fits(l, height, width, zoom + 1, good) && longer * (size_t)(zoom + 1) <= GOOD_TILE)
		zoom++;
	return zoom;
}

void layout_choose(size_t n, size_t height, size_t width, int32_t gap, const struct see_look *look,
                   struct see_layout *out)
{
	int32_t side = look->max_side > 0 && look->max_side < MOST_SIDE ? look->max_side : MAX_SIDE;
	int32_t most = (side - gap) / (1 + gap);
	double aspect = (double)(width + (size_t)gap) / (double)(height + (size_t)gap);
	most = most < 1 ? 1 : most;
	*out = (struct see_layout){.gap = gap};
	out->columns = look->columns > 0 ? at_most((size_t)look->columns, most)
	                                 : square_columns(n, aspect, most);
	out->rows = at_most((n + (size_t)out->columns - 1) / (size_t)out->columns, most);
	out->shown = (size_t)out->rows * (size_t)out->columns;
	out->shown = out->shown < n ? out->shown : n;
	out->zoom = choose_zoom(out, height, width, look->zoom, side);
	if (out->zoom) {
		out->width = (int32_t)width * out->zoom;
		out->height = (int32_t)height * out->zoom;
		return;
	}
	double x = (double)room(side, out->columns, gap) / (double)width;
	double y = (double)room(side, out->rows, gap) / (double)height;
	double scale = x < y ? x : y;
	out->width = (int32_t)((double)width * scale);
	out->height = (int32_t)((double)height * scale);
	out->width = out->width < 1 ? 1 : out->width;
	out->height = out->height < 1 ? 1 : out->height;
}

int32_t layout_width(const struct see_layout *l)
{
	return l->gap + l->columns * (l->width + l->gap);
}

int32_t layout_height(const struct see_layout *l)
{
	return l->gap + l->rows * (l->height + l->gap);
}
