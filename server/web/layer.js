/* The opened layer: its explanation, all of its maps, its filters. */
import {ask, wasAborted} from './api.js';
import {mapCanvas} from './colour.js';
import {filtersPicture, maps} from './data.js';
import {at, bytes, el, number, shape, whole} from './dom.js';
import {inspect, stopInspecting} from './inspect.js';
import {on, state} from './state.js';
import {mapDims, open} from './strip.js';
import {hasSums, isConvolution} from './sums.js';
import {t} from './text.js';
import {explain} from './words.js';

const MOST_BYTES = 6 * 1024 * 1024; /* of maps that are fetched without being asked for */
const MOST_TILES = 96;              /* that are shown at once */

let shown = null; /* {row, maps, chosen} */
let tiles = 0;
let filtersUrl = null;

/* Channels, height and width: as the server counts them. */
function sizes(row) {
	const d = mapDims(row), height = d.length > 2 ? d.slice(1, -1).reduce((a, b) => a * b, 1) : 1;
	return {channels: d[0] || 1, height, width: d.length > 1 ? d[d.length - 1] : 1};
}

function tile(channel) {
	const {maps: m} = shown;
	const picture = mapCanvas(m.map(channel), m.width, m.height);
	picture.setAttribute('aria-hidden', 'true');
	return el('button', {class: 'tile', type: 'button', 'data-channel': channel, 'aria-pressed': 'false',
		'aria-label': t('map.name', {channel}), onclick: () => choose(channel)}, picture, el('span', {'aria-hidden': 'true'}, String(channel)));
}

function choose(channel) {
	shown.chosen = channel;
	for (const e of at('maps').querySelectorAll('[data-channel]')) {
		const chosen = Number(e.dataset.channel) === channel;
		e.setAttribute('aria-pressed', String(chosen));
		e.tabIndex = chosen ? 0 : -1;
	}
	inspect(shown.row, shown.maps, channel);
}

/* Among hundreds of maps the Tab key stops at one; arrow keys move on from there. */
function onKey(e) {
	const all = [...at('maps').querySelectorAll('[data-channel]')], now = all.indexOf(document.activeElement);
	if (now < 0) return;
	const columns = Math.max(1, all.findIndex(a => a.offsetTop > all[0].offsetTop));
	const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[e.key];
	const to = step && all[now + step];
	if (!to) return;
	e.preventDefault();
	to.focus();
	to.click();
}

/* Numbers that have no place: the largest of them, as bars. */
function vector(m) {
	const values = m.channels.map(c => [c, m.map(c)[0]]).sort((a, b) => b[1] - a[1]);
	const most = Math.max(...values.map(v => Math.abs(v[1]))) || 1;
	return el('ol', {class: 'bars numbers'}, ...values.slice(0, 24).map(([channel, value]) => {
		const bar = el('span', {class: 'bar' + (value < 0 ? ' below' : '')});
		bar.style.width = 100 * Math.abs(value) / most + '%';
		const labels = state.model.labels || [];
		const label = labels.length === m.channels.length ? labels[channel] : t('map.name', {channel});
		const parts = [el('span', {class: 'name'}, label), el('span', {class: 'share'}, number(value)),
			el('span', {class: 'track', 'aria-hidden': 'true'}, bar)];
		if (!hasSums(shown.row)) return el('li', {class: 'class'}, ...parts);
		return el('li', {}, el('button', {class: 'class', type: 'button', 'data-channel': channel, 'aria-pressed': 'false',
			onclick: () => choose(channel)}, ...parts));
	}));
}

function moreTiles() {
	const {channels} = shown.maps, upTo = Math.min(channels.length, tiles + MOST_TILES);
	const grid = at('maps').querySelector('.tiles');
	for (; tiles < upTo; tiles++) grid.append(tile(channels[tiles]));
	for (const e of grid.children) e.tabIndex = e.getAttribute('aria-pressed') === 'true' ? 0 : -1;
	at('more-maps').hidden = tiles >= channels.length;
	at('more-maps').textContent = t('maps.more', {n: Math.min(MOST_TILES, channels.length - tiles)});
}

function showMaps() {
	const {row, maps: m} = shown, {channels} = sizes(row);
	tiles = 0;
	at('all-maps').hidden = m.channels.length >= channels;
	at('all-maps').textContent = t('maps.all', {n: whole(channels), size: bytes(4 * channels * m.height * m.width)});
	at('maps-say').textContent = m.height * m.width === 1 ? t('maps.numbers', {n: whole(channels)})
		: m.channels.length < channels ? t('maps.strongest', {n: whole(m.channels.length), all: whole(channels)})
			: t('maps.each', {n: whole(channels), height: m.height, width: m.width});
	if (m.height * m.width === 1) {
		at('maps').replaceChildren(vector(m));
		at('more-maps').hidden = true;
		return hasSums(row) ? choose(at('maps').querySelector('[data-channel]').dataset.channel | 0) : stopInspecting();
	}
	const grid = el('div', {class: 'tiles'});
	grid.style.setProperty('--tile', Math.max(48, Math.min(96, 2 * m.width)) + 'px');
	at('maps').replaceChildren(grid);
	moreTiles();
	choose(shown.chosen !== undefined && m.map(shown.chosen) ? shown.chosen : m.channels[0]);
}

async function loadMaps(all) {
	const row = state.layer, photo = state.photo;
	const {channels, height, width} = sizes(row), each = 4 * height * width;
	const room = Math.max(1, Math.floor(MOST_BYTES / each));
	at('maps-say').textContent = t('maps.wait');
	try {
		const m = await maps(row, all ? '' : 'strongest=' + Math.min(channels, room));
		if (row !== state.layer || photo !== state.photo) return;
		shown = {row, maps: m, chosen: shown?.row === row ? shown.chosen : undefined};
		showMaps();
	} catch (e) {
		if (row === state.layer && !wasAborted(e)) at('maps-say').textContent = t('error.maps', {why: e.message});
	}
}

async function loadFilters() {
	const row = state.layer;
	at('filters').hidden = true;
	if (!isConvolution(row) || !state.server.views) return;
	try {
		const filters = mapDims(row)[0];
		const picture = await (await ask(filtersPicture(row, 'strongest=' + Math.min(filters, 64)), {accept: 'image/png'})).blob();
		if (row !== state.layer) return;
		if (filtersUrl) URL.revokeObjectURL(filtersUrl);
		filtersUrl = URL.createObjectURL(picture);
		at('filters-picture').src = filtersUrl;
		at('filters-picture').alt = t('filters.alt', {layer: row.name});
		at('filters-say').textContent = t('filters.say', {n: whole(Math.min(filters, 64)), all: whole(filters)});
		at('filters').hidden = false;
	} catch (e) { /* weights that are computed, not stored, have no picture */ }
}

function show() {
	const row = state.layer;
	at('layer').hidden = !row;
	if (!row) return;
	at('layer-name').replaceChildren(row.op, ' ', el('small', {}, row.name));
	at('layer-words').replaceChildren(...explain(row));
	at('previous').disabled = row.index === 0;
	at('next').disabled = row.index === state.layers.length - 1;
}

function load() {
	show();
	for (const id of ['maps', 'maps-say']) at(id).replaceChildren();
	for (const id of ['all-maps', 'more-maps', 'filters']) at(id).hidden = true;
	stopInspecting();
	if (!state.layer) return;
	loadFilters();
	if (!state.server.views) at('maps-say').textContent = t('maps.off');
	else if (!state.photo) at('maps-say').textContent = t('maps.photo');
	else loadMaps(false);
}

export function startLayer() {
	on('layer layers photo', load);
	on('language', () => {
		show();
		if (state.layer && shown?.row === state.layer && state.photo) showMaps();
		else load();
	});
	at('previous').onclick = () => open(state.layer.index - 1);
	at('next').onclick = () => open(state.layer.index + 1);
	at('maps').addEventListener('keydown', onKey);
	at('more-maps').onclick = moreTiles;
	at('all-maps').onclick = () => loadMaps(true);
}
