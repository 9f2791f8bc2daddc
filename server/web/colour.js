/* Numbers as colours, those of `convd see` and `convd explain`. Ramps are made in OKLab, where equal steps look equal:
 * Bjorn Ottosson, "A perceptual color space for image processing", 2020. */

/* Place, lightness, chroma, hue in degrees. */
const stops = {
	/* From a dark violet over blue and green to a light yellow, evenly lighter. */
	ramp: [[0, .2, .08, 305], [.25, .4, .11, 275], [.5, .58, .11, 200], [.75, .77, .17, 145], [1, .95, .18, 108]],
	/* White at 0, red above, blue below. */
	signed: [[0, .36, .16, 264], [.25, .66, .14, 255], [.5, .98, 0, 255], [.5, .98, 0, 40], [.75, .66, .16, 38], [1, .36, .14, 25]],
	/* From a dark violet over red to a light yellow. */
	heat: [[0, .2, .1, 300], [.3, .38, .17, 340], [.6, .59, .21, 388], [.8, .74, .18, 420], [1, .96, .14, 466]],
};

function fromOklab(lightness, a, b) {
	const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
	const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
	const s = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3;
	return [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
		-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
		-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s];
}

/* Linear light to an 8 bit sRGB number (IEC 61966-2-1). */
function encode(light) {
	const x = Math.min(1, Math.max(0, light));
	return Math.round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055));
}

/* What a screen cannot show becomes less colourful, not lighter or darker. */
function toRgb(lightness, chroma, hue) {
	let light;
	for (let tries = 0; tries < 40; tries++, chroma *= 0.95) {
		light = fromOklab(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
		if (light.every(x => x >= 0 && x <= 1)) break;
	}
	return light.map(encode);
}

function makeRamp(list) {
	const rgb = new Uint8Array(3 * 256);
	for (let i = 0, s = 0; i < 256; i++) {
		while (s < list.length - 2 && i / 255 > list[s + 1][0]) s++;
		const [from, to] = [list[s], list[s + 1]];
		const k = to[0] > from[0] ? (i / 255 - from[0]) / (to[0] - from[0]) : 0;
		const mix = n => from[n] + k * (to[n] - from[n]);
		rgb.set(toRgb(mix(1), mix(2), mix(3) * Math.PI / 180), 3 * i);
	}
	return rgb;
}

const made = {};
export const rampOf = name => (made[name] ??= makeRamp(stops[name]));

/* [least, largest] of what is finite; `signed`: with 0 in the middle. */
export function scaleOf(numbers, signed = false) {
	let lo = Infinity, hi = -Infinity;
	for (const x of numbers) {
		if (!Number.isFinite(x)) continue;
		if (x < lo) lo = x;
		if (x > hi) hi = x;
	}
	if (!signed) return [lo, hi];
	const most = Math.max(hi, -lo) > 0 ? Math.max(hi, -lo) : 1;
	return [-most, most];
}

/* The place of x among 256. */
const place = (x, [lo, hi]) => (hi > lo ? Math.max(0, Math.min(255, Math.round((x - lo) / (hi - lo) * 255))) : 0);

export function css(x, scale, name) {
	const i = 3 * place(x, scale), rgb = rampOf(name);
	return `rgb(${rgb[i]} ${rgb[i + 1]} ${rgb[i + 2]})`;
}

/* Black or white, which is better read on it: by the contrast of WCAG 2. */
export function inkOn(x, scale, name) {
	const i = 3 * place(x, scale), rgb = rampOf(name);
	const light = v => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
	return 0.2126 * light(rgb[i]) + 0.7152 * light(rgb[i + 1]) + 0.0722 * light(rgb[i + 2]) > 0.179 ? '#000000' : '#ffffff';
}

/* A map as a picture of a pixel for each number; what is not finite is magenta. */
export function picture(map, width, height, name, scale = scaleOf(map, name === 'signed')) {
	const image = new ImageData(width, height), rgb = rampOf(name);
	for (let n = 0; n < width * height; n++) {
		const i = 3 * place(map[n], scale);
		image.data.set(Number.isFinite(map[n]) ? [rgb[i], rgb[i + 1], rgb[i + 2], 255] : [255, 0, 255, 255], 4 * n);
	}
	return image;
}

/* A canvas with a pixel for each number, that CSS may enlarge. */
export function mapCanvas(map, width, height, name = 'ramp', scale) {
	const c = document.createElement('canvas');
	c.width = width;
	c.height = height;
	c.getContext('2d').putImageData(picture(map, width, height, name, scale), 0, 0);
	return c;
}
