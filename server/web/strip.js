/* The network as a strip of layers, each with its shape, its formula, its share of the work and its strongest map. */
import {getJson, modelPath, wasAborted} from './api.js';
import {at, el, percent, shape, short, times} from './dom.js';
import {on, state, tell} from './state.js';
import {t} from './text.js';

const THUMB = 96;

let sheet = null; /* {url, columns, layers: Map(index -> {place, ...})} for the photo and the model */
let running = new AbortController();

export const mapDims = row => row.output_shape.slice(row.output_shape[0] === 1 && row.output_shape.length > 1 ? 1 : 0);

function thumbnail(row) {
	const thumb = el('span', {class: 'thumb'});
	const has = sheet?.layers.get(row.index);
	if (has) {
		thumb.style.backgroundImage = `url("${sheet.url}")`;
		thumb.style.backgroundSize = `${sheet.columns * 100}% auto`;
		const column = has.place % sheet.columns, line = Math.floor(has.place / sheet.columns);
		const rows = Math.ceil(sheet.n / sheet.columns);
		thumb.style.backgroundPosition = `${sheet.columns > 1 ? 100 * column / (sheet.columns - 1) : 0}% ${rows > 1 ? 100 * line / (rows - 1) : 0}%`;
	}
	return thumb;
}

function card(row) {
	const share = state.totals.macs ? row.macs / state.totals.macs : 0;
	const bar = el('span', {class: 'bar'});
	bar.style.width = 100 * share + '%';
	return el('li', {class: 'layer', role: 'option', id: 'layer-' + row.index, 'data-index': row.index,
		'aria-selected': String(state.layer?.index === row.index)},
	thumbnail(row),
	el('span', {class: 'op'}, row.op),
	el('span', {class: 'dims'}, shape(mapDims(row))),
	el('span', {class: 'formula'}, row.formula || '\u00a0'),
	el('span', {class: 'cost', title: t('strip.cost', {macs: short(row.macs), share: percent(share)})},
		el('span', {class: 'track', 'aria-hidden': 'true'}, bar),
		el('span', {class: 'share'}, row.macs ? percent(share) : '\u2013')),
	el('span', {class: 'called', title: row.name}, row.name));
}

function show() {
	at('network').hidden = state.layers.length === 0;
	at('strip').classList.toggle('bare', !sheet && !at('strip').hasAttribute('aria-busy'));
	at('strip').replaceChildren(...state.layers.map(card));
	if (state.layer) at('strip').setAttribute('aria-activedescendant', 'layer-' + state.layer.index);
	const {layers, parameters, macs, macs_if_dense: dense} = state.totals || {};
	at('totals').textContent = state.totals ? t('strip.totals', {layers, parameters: short(parameters), macs: short(macs),
		ratio: times(dense / macs)}) : '';
}

/* Which layer is open; `scroll`: bring its card into view. */
export function open(index, scroll = true) {
	const row = state.layers[Math.max(0, Math.min(state.layers.length - 1, index))];
	if (!row || row === state.layer) return;
	state.layer = row;
	for (const e of at('strip').children) e.setAttribute('aria-selected', String(e.dataset.index === String(row.index)));
	at('strip').setAttribute('aria-activedescendant', 'layer-' + row.index);
	if (scroll) bringIntoView(at('layer-' + row.index));
	tell('layer');
}

/* Sideways only: the page itself stays where it is. */
function bringIntoView(e) {
	const strip = at('strip'), left = e.offsetLeft - strip.offsetLeft;
	if (left < strip.scrollLeft || left + e.offsetWidth > strip.scrollLeft + strip.clientWidth)
		strip.scrollTo({left: left - (strip.clientWidth - e.offsetWidth) / 2});
}

function onKey(e) {
	const now = state.layer ? state.layer.index : -1, last = state.layers.length - 1;
	const to = {ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: last, PageDown: now + 5, PageUp: now - 5, Enter: now, ' ': now}[e.key];
	if (to === undefined) return;
	e.preventDefault();
	open(Math.max(0, to));
}

async function loadLayers() {
	running.abort();
	sheet = null;
	state.layer = null;
	const model = state.model;
	try {
		const table = await getJson(modelPath(model.name) + '/layers');
		if (model !== state.model) return;
		state.layers = table.layers;
		state.layers.forEach((row, i) => (row.index = i));
		state.totals = table.totals;
	} catch (e) {
		state.layers = [];
		state.totals = null;
		tell('trouble', e);
	}
	show();
	tell('layers');
}

/* The bytes of a data: address, which a page's own rules may keep it from fetching. */
function pictureOf(address) {
	const bytes = Uint8Array.from(atob(address.slice(address.indexOf(',') + 1)), c => c.charCodeAt(0));
	return new Blob([bytes], {type: 'image/png'});
}

async function loadThumbnails() {
	running.abort();
	running = new AbortController();
	const {signal} = running;
	if (sheet) URL.revokeObjectURL(sheet.url);
	sheet = null;
	if (!state.photo || !state.model || !state.server.views || !state.layers.length) return;
	at('strip').setAttribute('aria-busy', 'true');
	at('strip').classList.remove('bare');
	try {
		const path = `${modelPath(state.model.name)}/strip?width=${THUMB}&height=${THUMB}&columns=12`;
		const answer = await getJson(path, {method: 'POST', body: state.photo.blob, signal});
		if (signal.aborted) return;
		sheet = {url: URL.createObjectURL(pictureOf(answer.sheet)), columns: answer.columns, n: answer.layers.length,
			layers: new Map(answer.layers.map((l, place) => [l.index, {...l, place}]))};
		at('strip-say').textContent = '';
	} catch (e) {
		if (signal.aborted || wasAborted(e)) return;
		at('strip-say').textContent = t('error.maps', {why: e.message});
	} finally {
		if (!signal.aborted) at('strip').removeAttribute('aria-busy');
	}
	show();
}

export function startStrip() {
	on('model', loadLayers);
	on('layers predicted', () => {
		if (state.answer) loadThumbnails();
	});
	on('language', show);
	at('strip').addEventListener('click', e => {
		const layer = e.target.closest('.layer');
		if (layer) open(Number(layer.dataset.index));
	});
	at('strip').addEventListener('keydown', onKey);
}
