/* Where in the photo a class was seen: a heat map over it. */
import {getEvents, getJson, modelPath, ServerError, wasAborted} from './api.js';
import {rampOf} from './colour.js';
import {at, el, percent} from './dom.js';
import {on, state} from './state.js';
import {t} from './text.js';

let running = new AbortController();
let shown = null; /* the server's answer */

/* The map between the middles of its cells, at (x, y) in cells; outside as at the edge. */
function between(map, y, x) {
	const rows = map.length, columns = map[0].length;
	const clamp = (v, n) => Math.max(0, Math.min(n - 1, v));
	const y0 = Math.floor(y), x0 = Math.floor(x), fy = y - y0, fx = x - x0;
	const v = (r, c) => Math.max(0, map[clamp(r, rows)][clamp(c, columns)]);
	return (v(y0, x0) * (1 - fx) + v(y0, x0 + 1) * fx) * (1 - fy) + (v(y0 + 1, x0) * (1 - fx) + v(y0 + 1, x0 + 1) * fx) * fy;
}

/* The answer over the photo: colours as strong as the heat, and what the network does not see darker. */
function draw(answer) {
	const c = at('heat'), w = answer.window, {width, height} = answer.image;
	const scale = Math.min(1, 640 / Math.max(width, height)), rgb = rampOf('heat');
	c.width = Math.round(width * scale);
	c.height = Math.round(height * scale);
	const context = c.getContext('2d'), image = context.createImageData(c.width, c.height);
	const rows = answer.map.length, columns = answer.map[0].length, most = Math.max(1e-12, ...answer.map.flat());
	for (let y = 0; y < c.height; y++) {
		for (let x = 0; x < c.width; x++) {
			const py = (y + 0.5) / scale, px = (x + 0.5) / scale, i = 4 * (y * c.width + x);
			if (py < w.top || py > w.bottom || px < w.left || px > w.right) {
				image.data.set([0, 0, 0, 150], i);
				continue;
			}
			const heat = Math.min(1, between(answer.map, (py - w.top) / (w.bottom - w.top) * rows - 0.5,
				(px - w.left) / (w.right - w.left) * columns - 0.5) / most);
			const k = 3 * Math.round(255 * heat);
			image.data.set([rgb[k], rgb[k + 1], rgb[k + 2], 255 * Math.sqrt(heat)], i);
		}
	}
	context.putImageData(image, 0, 0);
}

function say() {
	if (!shown) return;
	const {method, layer, label, peak} = shown;
	const name = t('method.' + method), share = percent(shown.share ?? shown.probability);
	at('heat-say').textContent = t(peak?.found === false ? 'heat.nowhere' : 'heat.say', {label: label || t('class.number', {n: shown.class}), share,
		method: name + (layer ? ' (' + layer + ')' : '')});
}

function show(answer) {
	shown = answer;
	draw(answer);
	at('heat').hidden = false;
	at('heat').setAttribute('aria-label', t('heat.alt', {label: answer.label || answer.class}));
	at('heat-off').hidden = false;
	at('opacity-row').hidden = false;
	say();
}

function hide() {
	running.abort();
	shown = null;
	at('heat').hidden = true;
	for (const id of ['heat-off', 'opacity-row', 'heat-progress']) at(id).hidden = true;
	at('heat-say').textContent = '';
	press(null);
}

function press(cls) {
	for (const e of document.querySelectorAll('#classes [data-class]')) e.setAttribute('aria-pressed', String(e.dataset.class === String(cls)));
}

/* Occlusion runs the network some two hundred times and tells how far it is. */
async function explain(cls, method, signal) {
	const path = `${modelPath(state.model.name)}/explain?class=${encodeURIComponent(cls)}&method=${method}`;
	const options = {method: 'POST', body: state.photo.blob, signal};
	if (method !== 'occlusion') return getJson(path, options);
	let answer = null;
	const bar = at('heat-bar');
	bar.value = 0;
	at('heat-progress').hidden = false;
	await getEvents(path, options, (name, data) => {
		if (name === 'progress') {
			bar.max = data.total;
			bar.value = data.done;
		} else if (name === 'result') {
			answer = data;
		} else if (name === 'error') {
			const {code, message} = data.error || data;
			throw new ServerError(500, code, message);
		}
	});
	return answer;
}

async function look(cls) {
	if (!state.photo || !state.model) return;
	running.abort();
	running = new AbortController();
	const {signal} = running;
	press(cls);
	at('heat-say').textContent = t('heat.wait');
	try {
		const answer = await explain(cls, at('method').value, signal);
		if (!signal.aborted && answer) show(answer);
	} catch (e) {
		if (signal.aborted || wasAborted(e)) return;
		hide();
		at('heat-say').textContent = t('error.maps', {why: e.message});
	} finally {
		if (!signal.aborted) at('heat-progress').hidden = true;
	}
}

function listClasses() {
	hide();
	const labels = state.model?.labels || [];
	at('labels').replaceChildren(...labels.map(label => el('option', {value: label})));
}

export function startHeat() {
	on('class', p => (shown?.class === p.class ? hide() : look(p.class)));
	on('photo model', listClasses);
	on('language', say);
	at('method').onchange = () => {
		if (shown) look(shown.class);
	};
	at('class-form').onsubmit = e => {
		e.preventDefault();
		if (at('class').value.trim()) look(at('class').value.trim());
	};
	at('opacity').oninput = e => (at('heat').style.opacity = e.target.value / 100);
	at('heat').style.opacity = at('opacity').value / 100;
	at('heat-off').onclick = hide;
	at('heat-cancel').onclick = hide;
	on('predicted', () => press(shown?.class));
}
