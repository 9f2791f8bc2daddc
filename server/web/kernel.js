/* The arithmetic behind one pixel of a map, as matrices and sums. */
import {css, inkOn, scaleOf} from './colour.js';
import {filter, maps} from './data.js';
import {at, el, number, whole as wholeNumber} from './dom.js';
import {state} from './state.js';
import {convolution, hasSums, isConvolution, isGlobalPool, isPointwise, isPool, pool, same, whole} from './sums.js';
import {t} from './text.js';

const MOST_BYTES = 48 * 1024 * 1024; /* of a layer's input that is fetched for this */

let asked = 0;

function matrix(rows, name, kind, mark) {
	const flat = rows.flat().filter(v => v !== null), scale = scaleOf(flat, kind === 'signed');
	const cells = rows.map(line => el('tr', {}, ...line.map(v => {
		if (v === null) return el('td', {class: 'padding', title: t('sum.padding')}, '0');
		const cell = el('td', {class: mark !== undefined && v === mark ? 'mark' : null}, number(v, 2));
		cell.style.backgroundColor = css(v, scale, kind);
		cell.style.color = inkOn(v, scale, kind);
		return cell;
	})));
	return el('table', {class: 'matrix' + (rows[0].length > 5 ? ' dense' : '')}, el('caption', {}, name), el('tbody', {}, ...cells));
}

const sign = text => el('span', {class: 'sign'}, text);
const term = (name, value, extra) => el('div', {class: 'term ' + (extra || '')}, el('span', {}, name),
	el('output', {'data-value': value}, number(value, 4)));

function verdict(total, value, size, row) {
	const agrees = same(total, value, size);
	return el('p', {class: 'verdict ' + (agrees ? 'good' : ''), 'data-agrees': String(agrees)},
		agrees ? t('sum.agrees', {value: number(value, 4)})
			: t(row.op.startsWith('Q') ? 'sum.rounded' : 'sum.differs', {value: number(value, 4)}));
}

/* A kernel of one element: a table of one line for each input channel. */
function pointwiseTable(parts) {
	return el('table', {class: 'products'}, el('thead', {}, el('tr', {}, ...['sum.channel', 'sum.input', 'sum.weight', 'sum.product']
		.map(key => el('th', {scope: 'col'}, t(key))))),
	el('tbody', {}, ...parts.map(p => el('tr', {}, el('th', {scope: 'row'}, String(p.channel)),
		el('td', {}, p.window[0][0] === null ? '0' : number(p.window[0][0], 4)), el('td', {}, number(p.weights[0][0], 4)),
		el('td', {'data-part': p.sum}, number(p.sum, 4))))));
}

function matrices(part) {
	return el('div', {class: 'product'}, el('h5', {}, t('sum.of', {channel: part.channel})),
		el('div', {class: 'line'}, matrix(part.window, t('sum.input'), 'ramp'), sign('\u00d7'), matrix(part.weights, t('sum.weights'), 'signed'),
			sign('='), matrix(part.products, t('sum.products'), 'signed'), sign('\u2192'),
			el('span', {class: 'part', 'data-part': part.sum}, '\u03a3 = ', number(part.sum, 4))));
}

function ofConvolution(now, value, input, own) {
	const {parts, bias, total, size} = convolution(now.row, own, now.y, now.x, input);
	const single = own.height * own.width === 1;
	const most = single ? 8 : own.height * own.width > 25 ? 3 : parts.length > 4 ? 3 : 4;
	const first = parts.slice(0, most), others = parts.slice(most).reduce((a, p) => a + p.sum, 0);
	const terms = first.map(p => term(t('sum.of', {channel: p.channel}), p.sum));
	if (parts.length > most) terms.push(term(t('sum.others', {n: wholeNumber(parts.length - most)}), others));
	terms.push(term(t('sum.bias'), bias), term(t('sum.total'), total, 'total'));
	return [el('p', {class: 'soft'}, parts.length > most ? t('sum.largest', {n: most, all: wholeNumber(parts.length)}) : t('sum.all', {n: parts.length})),
		el('div', {class: 'working'}, el('div', {class: 'wide', tabindex: '0', role: 'group', 'aria-label': t('sum.title')},
			...(single ? [pointwiseTable(first)] : first.map(matrices))),
		el('div', {class: 'terms'}, ...terms, verdict(total, value, size, now.row)))];
}

function ofPool(now, value, input) {
	const {window, largest, mean, meanOfAll} = pool(now.row, now.channel, now.y, now.x, input);
	const isMax = now.row.op === 'MaxPool', result = isMax ? largest : same(mean, value) ? mean : meanOfAll;
	return [el('div', {class: 'working'}, el('div', {class: 'wide', tabindex: '0', role: 'group', 'aria-label': t('sum.title')}, el('div', {class: 'line'},
		matrix(window, t('sum.window'), 'ramp', isMax ? largest : undefined), sign('\u2192'),
		el('span', {class: 'part', 'data-part': result}, t(isMax ? 'sum.max' : 'sum.mean') + ' = ' + number(result, 4)))),
	el('div', {class: 'terms'}, verdict(result, value, 0, now.row)))];
}

function ofGlobalPool(now, value, input) {
	const {count, sum, mean, largest} = whole(now.channel, input);
	const isMax = now.row.op === 'GlobalMaxPool', result = isMax ? largest : mean;
	return [el('div', {class: 'terms'}, ...(isMax ? [] : [term(t('sum.of.map', {n: wholeNumber(count)}), sum)]),
		term(t(isMax ? 'sum.max' : 'sum.mean'), result, 'total'), verdict(result, value, 0, now.row))];
}

/* Inputs that are broadcast have one element, or one for each channel. */
function elementOf(input, now) {
	const map = input.map(now.channel) || input.map(0);
	return map.length === 1 ? map[0] : map[now.y * input.width + now.x];
}

function ofElements(now, value, inputs) {
	return [el('div', {class: 'terms'}, ...inputs.map((input, i) => term(now.row.inputs[i], elementOf(input, now))),
		term(now.row.op, value, 'total'))];
}

const fits = row => row.input_shape.reduce((a, b) => a * Math.max(1, b), 4) <= MOST_BYTES;

/* now: {row, channel, y, x, maps}; value: the map's there. */
export async function showSums(now, value) {
	const {row} = now, mine = ++asked, box = at('sums');
	if (!hasSums(row)) return box.replaceChildren(el('p', {class: 'soft'}, t('sum.none')));
	if (!fits(row)) return box.replaceChildren(el('p', {class: 'soft'}, t('sum.large')));
	const late = setTimeout(() => {
		if (mine === asked) box.replaceChildren(el('p', {class: 'soft'}, t('sum.wait')));
	}, 150);
	try {
		const rows = isPointwise(row) ? row.input_rows : row.input_rows.slice(0, 1);
		const [own, ...inputs] = await Promise.all([isConvolution(row) ? filter(row, now.channel) : null, ...rows.map(i => maps(i === null ? null : state.layers[i]))]);
		if (mine !== asked) return;
		box.replaceChildren(...(isConvolution(row) ? ofConvolution(now, value, inputs[0], own) : isPool(row) ? ofPool(now, value, inputs[0])
			: isGlobalPool(row) ? ofGlobalPool(now, value, inputs[0]) : ofElements(now, value, inputs)));
	} catch (e) {
		if (mine === asked) box.replaceChildren(el('p', {class: 'soft'}, t('error.maps', {why: e.message})));
	} finally {
		clearTimeout(late);
	}
}
