/* Elements, numbers as text, and what browsers keep for the page. */
import {language} from './text.js';

export const at = id => document.getElementById(id);

/* el('p', {class: 'soft', onclick: f, 'aria-label': '...'}, 'text', element ...): attributes that are null or false
 * are left out. */
export function el(tag, attributes, ...children) {
	const e = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes || {})) {
		if (value === null || value === undefined || value === false) continue;
		if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
		else e.setAttribute(name, value === true ? '' : value);
	}
	e.append(...children.filter(c => c !== null && c !== undefined && c !== false));
	return e;
}

/* A canvas as large as it is shown, in the screen's pixels; its context is scaled to CSS pixels. */
export function canvas(width, height, attributes) {
	const scale = Math.min(2, window.devicePixelRatio || 1);
	const c = el('canvas', attributes);
	c.width = Math.round(width * scale);
	c.height = Math.round(height * scale);
	c.style.width = width + 'px';
	c.style.height = height + 'px';
	c.getContext('2d').scale(scale, scale);
	return c;
}

const format = (value, options) => new Intl.NumberFormat(language(), options).format(value);

export const whole = n => format(n);
export const percent = p => (p > 0 && p < 0.00005 ? '< ' + format(0.0001, {style: 'percent', maximumFractionDigits: 2})
	: format(p, {style: 'percent', maximumFractionDigits: p >= 0.1 ? 1 : 2}));
export const ms = x => format(x, {maximumFractionDigits: x < 10 ? 1 : 0}) + '\u00a0ms';

/* 1234567 as "1.23 M". */
export function short(n) {
	for (const [unit, name] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']])
		if (n >= unit) return format(n / unit, {maximumSignificantDigits: 3}) + '\u00a0' + name;
	return format(n, {maximumSignificantDigits: 3});
}

/* How many times as much: three digits, without a unit as long as that is read well. */
export const times = n => (n < 1e6 ? format(n, {maximumSignificantDigits: 3}) : short(n));

export const bytes = n => (n >= 1024 * 1024 ? format(n / 1024 / 1024, {maximumFractionDigits: 1}) + '\u00a0MiB'
	: format(n / 1024, {maximumFractionDigits: 0}) + '\u00a0KiB');

/* A number of a map or a filter: a few digits, with a true minus. */
export function number(x, digits = 3) {
	if (!Number.isFinite(x)) return String(x);
	const size = Math.abs(x);
	if (size !== 0 && (size >= 1e5 || size < 1e-3)) return x.toExponential(1).replace('-', '\u2212').replace('e-', 'e\u2212');
	const fraction = size >= 1000 ? 0 : size >= 10 ? 2 : digits;
	return format(x, {minimumFractionDigits: fraction, maximumFractionDigits: fraction, signDisplay: 'negative'}).replace('-', '\u2212');
}

export const shape = dims => dims.join('\u00d7');
export const pair = two => (two[0] === two[1] ? String(two[0]) : two.join('\u00d7'));

/* localStorage and sessionStorage throw where cookies are off. */
export function keep(name, value, storage = 'localStorage') {
	try {
		if (value === null) window[storage].removeItem(name);
		else window[storage].setItem(name, value);
	} catch (e) { /* then it lasts as long as the page */ }
}

export function kept(name, storage = 'localStorage') {
	try { return window[storage].getItem(name); } catch (e) { return null; }
}
