#include "engine/see/colour.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

const uint8_t colour_not_finite[3] = {255, 0, 255};

/* From a dark violet over blue and green to a light yellow, evenly lighter. */
static const struct colour_stop ramp[] = {
	{0.00, 0.20, 0.08, 305}, {0.25, 0.40, 0.11, 275}, {0.50, 0.58, 0.11, 200},
	{0.75, 0.77, 0.17, 145}, {1.00, 0.95, 0.18, 108},
};

/* As far from white in both directions, as the eye sees it. */
static const struct colour_stop both[] = {
	{0.00, 0.36, 0.16, 264}, {0.25, 0.66, 0.14, 255}, {0.50, 0.98, 0.00, 255},
	{0.50, 0.98, 0.00, 40},  {0.75, 0.66, 0.16, 38},  {1.00, 0.36, 0.14, 25},
};

static double cube(double x)
{
	return x * x * x;
}

static void from_oklab(double lightness, double a, double b, double light[3])
{
	double l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b);
	double m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b);
	double s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b);
	light[0] = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
	light[1] = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
	light[2] = -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s;
}

static bool in_gamut(const double light[3])
{
	for (int i = 0; i < 3; i++)
		if (light[i] < 0 || light[i] > 1)
			return false;
	return true;
}

/* Linear light to an 8 bit sRGB number (IEC 61966-2-1). */
static uint8_t encode(double light)
{
	light = light < 0 ? 0 : light > 1 ? 1 : light;
	double v = light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055;
	return (uint8_t)(v * 255 + 0.5);
}

/* What a screen cannot show becomes less colourful, not lighter or darker. */
static void to_rgb(double lightness, double chroma, double hue, uint8_t rgb[3])
{
	double light[3];
	for (int tries = 0; tries < 40; tries++, chroma *= 0.95) {
		from_oklab(lightness, chroma * cos(hue), chroma * sin(hue), light);
		if (in_gamut(light))
			break;
	}
	for (int i = 0; i < 3; i++)
		rgb[i] = encode(light[i]);
}

void colour_ramp_make(const struct colour_stop *stops, size_t n, struct colour_ramp *out)
{
	const struct colour_stop *s = stops, *last = stops + n - 2;
	for (int i = 0; i < 256; i++) {
		double t = i / 255.0;
		while (s < last && t > s[1].at)
			s++;
		double k = s[1].at > s->at ? (t - s->at) / (s[1].at - s->at) : 0;
		to_rgb(s->lightness + k * (s[1].lightness - s->lightness),
		       s->chroma + k * (s[1].chroma - s->chroma),
		       (s->hue + k * (s[1].hue - s->hue)) * PI / 180, out->rgb[i]);
	}
}

void colour_ramp_of(enum see_colours colours, struct colour_ramp *out)
{
	if (colours == SEE_SIGNED)
		colour_ramp_make(both, sizeof both / sizeof both[0], out);
	else
		colour_ramp_make(ramp, sizeof ramp / sizeof ramp[0], out);
}

struct colour_scale colour_scale_of(const float *x, size_t n, size_t step, bool is_signed)
{
	struct colour_scale s = {INFINITY, -INFINITY};
	for (size_t i = 0; i < n; i++) {
		float v = x[i * step];
		if (!isfinite(v))
			continue;
		s.lo = v < s.lo ? v : s.lo;
		s.hi = v > s.hi ? v : s.hi;
	}
	if (is_signed && s.lo <= s.hi) {
		s.hi = s.hi > -s.lo ? s.hi : -s.lo;
		s.hi = s.hi > 0 ? s.hi : 1;
		s.lo = -s.hi;
	}
	return s;
}

struct colour_scale colour_scale_join(struct colour_scale a, struct colour_scale b)
{
	return (struct colour_scale){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}

int colour_place(float x, const struct colour_scale *scale)
{
	if (!isfinite(x))
		return -1;
	double range = (double)scale->hi - (double)scale->lo;
	if (!(range > 0))
		return 0;
	double t = ((double)x - (double)scale->lo) / range * 255 + 0.5;
	return t < 0 ? 0 : t > 255 ? 255 : (int)t;
}
