/* One map, enlarged: a pixel of it, what it sees of the photo, and the arithmetic behind it. */
import {mapCanvas, scaleOf} from './colour.js';
import {seen} from './data.js';
import {at, el, number} from './dom.js';
import {inPhoto, place} from './field.js';
import {showSums} from './kernel.js';
import {state} from './state.js';
import {t} from './text.js';

let now = null; /* {row, maps, channel, y, x, pinned, window} */
let due = false;

export function stopInspecting() {
	now = null;
	at('inspect').hidden = true;
}

export function inspect(row, maps, channel) {
	const map = maps.map(channel), best = map.indexOf(map.reduce((a, b) => (b > a ? b : a), -Infinity));
	const stay = now?.row === row ? {y: now.y, x: now.x} : {y: Math.floor(Math.max(0, best) / maps.width), x: Math.max(0, best) % maps.width};
	now = {row, maps, channel, ...stay, pinned: false, window: null};
	at('inspect').hidden = false;
	showMap();
	showPhoto();
	update();
}

function showMap() {
	const {maps, channel} = now, map = maps.map(channel), [lo, hi] = scaleOf(map);
	const box = at('map');
	const picture = mapCanvas(map, maps.width, maps.height);
	picture.className = 'pixels';
	picture.setAttribute('aria-hidden', 'true');
	box.replaceChildren(picture, el('span', {class: 'cursor', id: 'cursor'}));
	box.classList.toggle('single', maps.width * maps.height === 1);
	box.style.aspectRatio = maps.width + ' / ' + maps.height;
	box.setAttribute('aria-label', t('map.grid', {channel, layer: now.row.name}));
	at('map-title').textContent = t('map.title', {channel});
	at('map-least').textContent = number(lo);
	at('map-most').textContent = number(hi);
}

async function showPhoto() {
	const mine = now, {photo} = state;
	const image = el('img', {src: photo.url, alt: t('photo.alt')});
	at('field-photo').replaceChildren(image, el('span', {class: 'seen', id: 'seen'}), el('span', {class: 'field', id: 'field'}));
	for (const id of ['seen', 'field']) at(id).hidden = true;
	try {
		mine.window = await seen();
	} catch (e) {
		return;
	}
	if (now !== mine || photo !== state.photo || !photo.width) return;
	const w = mine.window;
	place(at('seen'), {left: w.left / photo.width, right: w.right / photo.width, top: w.top / photo.height, bottom: w.bottom / photo.height});
	at('seen').hidden = false;
	showField();
}

/* Height and width of the network's input. */
const inputSize = () => {
	const {preprocessing: p} = state.model;
	return [p.height, p.width];
};

function showField() {
	const {row, y, x, window} = now;
	at('field-say').textContent = row.receptive_field ? t('field.say', {field: row.receptive_field.join('\u00d7')}) : t('field.all');
	if (!window) return;
	place(at('field'), inPhoto(row, y, x, window, inputSize(), state.photo));
	at('field').hidden = false;
}

function update() {
	const {maps, channel, y, x} = now;
	place(at('cursor'), {left: x / maps.width, right: (x + 1) / maps.width, top: y / maps.height, bottom: (y + 1) / maps.height});
	at('cursor').classList.toggle('pinned', now.pinned);
	const value = maps.map(channel)[y * maps.width + x];
	at('map-value').textContent = t('map.value', {y, x, value: number(value, 4)});
	at('map-value').dataset.value = value;
	showField();
	showSums(now, value);
}

/* However often the pointer moves, the page is drawn once a frame. */
function updateSoon() {
	if (due) return;
	due = true;
	requestAnimationFrame(() => {
		due = false;
		if (now) update();
	});
}

function moveTo(y, x) {
	const {maps} = now;
	now.y = Math.max(0, Math.min(maps.height - 1, y));
	now.x = Math.max(0, Math.min(maps.width - 1, x));
	updateSoon();
}

function pixelUnder(e) {
	const box = at('map').getBoundingClientRect();
	moveTo(Math.floor((e.clientY - box.top) / box.height * now.maps.height), Math.floor((e.clientX - box.left) / box.width * now.maps.width));
}

const steps = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};

export function startInspect() {
	const map = at('map');
	map.addEventListener('pointermove', e => {
		if (now && !now.pinned) pixelUnder(e);
	});
	map.addEventListener('click', e => {
		if (!now) return;
		now.pinned = !now.pinned;
		pixelUnder(e);
	});
	map.addEventListener('keydown', e => {
		if (!now || !steps[e.key]) return;
		e.preventDefault();
		const far = e.shiftKey ? 8 : 1;
		now.pinned = true;
		moveTo(now.y + far * steps[e.key][0], now.x + far * steps[e.key][1]);
	});
}
