/* Another photo, or another model, beside the first. */
import {ask, wasAborted} from './api.js';
import {bars, headline, predict, timing} from './classes.js';
import {layerPath} from './data.js';
import {at, el} from './dom.js';
import {openPhoto, sample} from './photo.js';
import {on, state} from './state.js';
import {t} from './text.js';

let photo = null; /* null: the first side's */
let running = new AbortController();
const urls = [];

const isOpen = () => at('compare').getAttribute('aria-expanded') === 'true';
const model = () => state.models.find(m => m.name === at('other-model').value) || state.model;

function side(answer, url) {
	return el('div', {class: 'side'}, el('img', {src: url, alt: t('photo.alt')}),
		el('div', {}, el('p', {class: 'soft'}, answer.model.name), el('h3', {}, ...headline(answer)), bars(answer, null), timing(answer)));
}

async function mosaic(from, row, signal) {
	const path = layerPath(row) + '/activations?channels=';
	const channels = row.output_shape.length === 4 ? Array.from({length: Math.min(8, row.output_shape[1])}, (unused, i) => i) : [0];
	const reply = await ask(path + channels.join(',') + '&scale=map', {method: 'POST', body: from.blob, accept: 'image/png', signal});
	const url = URL.createObjectURL(await reply.blob());
	urls.push(url);
	return el('figure', {}, el('img', {src: url, alt: t('compare.maps', {layer: row.name})}));
}

/* The same maps of both photos, where both go through the same network. */
async function showMaps(signal) {
	const row = state.layer, box = at('other-maps');
	box.replaceChildren();
	for (const url of urls.splice(0)) URL.revokeObjectURL(url);
	if (!row || row.output_shape.length !== 4 || !photo || model() !== state.model || !state.server.views) return;
	const figures = await Promise.all([state.photo, photo].map(p => mosaic(p, row, signal)));
	if (!signal.aborted) box.replaceChildren(el('h3', {}, t('compare.maps', {layer: row.name})), el('div', {class: 'sides'}, ...figures));
}

async function show() {
	running.abort();
	if (!isOpen() || !state.photo || !state.answer) return;
	running = new AbortController();
	const {signal} = running, other = photo || state.photo;
	try {
		const answer = await predict(model(), other, signal);
		if (signal.aborted) return;
		at('sides').replaceChildren(side(state.answer, state.photo.url), side(answer, other.url));
		await showMaps(signal);
	} catch (e) {
		if (signal.aborted || wasAborted(e)) return;
		at('sides').replaceChildren(el('p', {class: 'bad'}, t('error.server', {why: e.message})));
	}
}

async function choose(blob) {
	if (photo) URL.revokeObjectURL(photo.url);
	photo = blob && await openPhoto(blob);
	show();
}

function listModels() {
	at('other-model').replaceChildren(...state.models.map(m => el('option', {value: m.name}, m.name)));
	if (state.models.length > 1) at('other-model').value = (state.models.find(m => m !== state.model) || state.model).name;
	at('other-model-row').hidden = state.models.length < 2;
}

export function startCompare() {
	on('models', listModels);
	on('predicted language layer', show);
	at('compare').onclick = async () => {
		const open = !isOpen();
		at('compare').setAttribute('aria-expanded', String(open));
		at('comparison').hidden = !open;
		/* With one model there is only another photo to compare with. */
		if (open && !photo && state.models.length < 2) photo = await openPhoto(await sample('clock'));
		show();
	};
	at('other-model').onchange = show;
	at('other-file').onchange = e => {
		if (e.target.files.length) choose(e.target.files[0]);
		e.target.value = '';
	};
	at('other-choose').onclick = () => at('other-file').click();
	at('other-same').onclick = () => choose(null);
	for (const button of document.querySelectorAll('#other-samples button'))
		button.onclick = async () => choose(await sample(button.dataset.sample));
}
