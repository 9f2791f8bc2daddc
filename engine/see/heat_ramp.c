/* heat_ramp.c - colours for heat: lightness rises evenly, as the eye sees it, while the hue goes from violet over red
 * to yellow. In OKLab (Bjorn Ottosson, 2020, "A perceptual color space for image processing"), whose matrices are
 * the published ones. */
#include "engine/see/heat.h"

#include <math.h>

#define PI 3.14159265358979323846

static double cube(double x)
{
	return x * x * x;
}

/* Linear light to an 8 bit sRGB number (IEC 61966-2-1). */
static uint8_t encode(double light)
{
	light = light < 0 ? 0 : light > 1 ? 1 : light;
	double v = light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055;
	return (uint8_t)(v * 255 + 0.5);
}

static void from_oklab(double lightness, double a, double b, uint8_t rgb[3])
{
	double l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b);
	double m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b);
	double s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b);
	rgb[0] = encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
	rgb[1] = encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
	rgb[2] = encode(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s);
}

/* Lightness, chroma and hue in degrees at a few places between 0 and 1, with straight lines between them. */
struct stop {
	double at, lightness, chroma, hue;
};
static const struct stop stops[] = {
	{0.00, 0.20, 0.10, 300}, {0.30, 0.38, 0.17, 340}, {0.60, 0.59, 0.21, 388},
	{0.80, 0.74, 0.18, 420}, {1.00, 0.96, 0.14, 466},
};

void heat_ramp_make(struct heat_ramp *out)
{
	const struct stop *s = stops;
	for (int i = 0; i < 256; i++) {
		double t = i / 255.0;
		while (t > s[1].at)
			s++;
		double k = (t - s->at) / (s[1].at - s->at);
		double hue = (s->hue + k * (s[1].hue - s->hue)) * PI / 180;
		double chroma = s->chroma + k * (s[1].chroma - s->chroma);
		from_oklab(s->lightness + k * (s[1].lightness - s->lightness), chroma * cos(hue),
		           chroma * sin(hue), out->rgb[i]);
	}
}
