/* The best classes as bars, and where the time went. */
import {getJson, wasAborted} from './api.js';
import {at, el, ms, percent} from './dom.js';
import {on, state, tell} from './state.js';
import {t} from './text.js';

export const labelOf = p => p.label || t('class.number', {n: p.class});

export function predict(model, photo, signal) {
	const path = 'predict?top=5&model=' + encodeURIComponent(model.name);
	return getJson(path, {method: 'POST', body: photo.blob, signal});
}

/* onPick(prediction) for a click on a bar; null: bars are no buttons. */
export function bars(answer, onPick) {
	return el('ol', {class: 'bars'}, ...answer.predictions.map(p => {
		const bar = el('span', {class: 'bar'});
		bar.style.width = Math.max(0.5, 100 * p.probability) + '%';
		const parts = [el('span', {class: 'name'}, labelOf(p)), el('span', {class: 'share'}, percent(p.probability)),
			el('span', {class: 'track', 'aria-hidden': 'true'}, bar)];
		if (!onPick) return el('li', {class: 'class'}, ...parts);
		return el('li', {}, el('button', {class: 'class', 'data-class': p.class, 'aria-pressed': 'false',
			title: t('class.where', {label: labelOf(p)}), onclick: () => onPick(p)}, ...parts));
	}));
}

/* One bar for the whole time, its parts beside each other, and the same in numbers. */
export function timing(answer) {
	const time = answer.timing_ms;
	const parts = ['decode', 'queue', 'inference'].map(name => [name, time[name]]);
	const rest = Math.max(0, time.total - parts.reduce((sum, p) => sum + p[1], 0));
	const line = el('div', {class: 'times', 'aria-hidden': 'true'}, ...[...parts, ['rest', rest]].map(([name, value]) => {
		const piece = el('span', {class: 'time-' + name});
		piece.style.flexGrow = value;
		return piece;
	}));
	return el('div', {}, line, el('dl', {class: 'legend'}, ...[...parts, ['total', time.total]].map(([name, value]) =>
		el('div', {class: 'time-' + name}, el('dt', {}, t('time.' + name)), el('dd', {}, ms(value))))));
}

export function headline(answer) {
	const best = answer.predictions[0];
	return [labelOf(best) + ' ', el('span', {class: 'share'}, percent(best.probability))];
}

/* As large as fits, with the photo's proportions: what is drawn over it lies exactly there. */
function showPhoto(photo) {
	at('photo').src = photo.url;
	at('result').style.aspectRatio = photo.width ? photo.width + ' / ' + photo.height : '';
	at('result').style.maxWidth = photo.width ? `calc(26rem * ${photo.width / photo.height})` : '';
}

function show() {
	const answer = state.answer;
	at('result').hidden = at('answer').hidden = !state.photo;
	at('state').hidden = at('welcome').hidden = Boolean(state.photo);
	if (state.photo && at('photo').src !== state.photo.url) showPhoto(state.photo);
	at('compare').disabled = !answer;
	at('looking').hidden = !answer || !state.server.views;
	at('photo').alt = t('photo.alt');
	if (!answer) return;
	at('headline').className = 'headline';
	at('headline').replaceChildren(...headline(answer));
	at('classes').replaceChildren(bars(answer, p => tell('class', p)));
	at('times').replaceChildren(timing(answer));
	at('facts').textContent = t('result.facts', {width: answer.image.width, height: answer.image.height,
		format: answer.image.format.toUpperCase(), model: answer.model.name, version: answer.model.version});
}

let running = new AbortController();

async function classify() {
	if (!state.photo || !state.model) return;
	running.abort();
	running = new AbortController();
	const {signal} = running;
	state.answer = null;
	show();
	at('headline').className = 'headline wait';
	at('headline').textContent = t('result.wait');
	try {
		const answer = await predict(state.model, state.photo, signal);
		if (signal.aborted) return;
		state.answer = answer;
		show();
		tell('predicted');
	} catch (e) {
		if (wasAborted(e) || signal.aborted) return;
		at('headline').className = 'headline bad';
		at('headline').textContent = t('error.server', {why: e.message});
		for (const id of ['classes', 'times', 'facts']) at(id).replaceChildren();
	}
}

export function startClasses() {
	on('photo model', classify);
	on('language', show);
}
