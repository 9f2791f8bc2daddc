/* Starts the page: who listens first, then what there is to show. */
import {getJson} from './api.js';
import {startClasses} from './classes.js';
import {startCompare} from './compare.js';
import {at, el, keep, kept, whole} from './dom.js';
import {startHeat} from './heat.js';
import {startInspect} from './inspect.js';
import {startLayer} from './layer.js';
import {startLive} from './live.js';
import {startPhotos} from './photo.js';
import {startSettings} from './settings.js';
import {on, state, tell} from './state.js';
import {startStrip} from './strip.js';
import {t} from './text.js';

let trouble = null; /* what keeps the page from working, as a text's key and values */

function aboutModel(model) {
	const labels = model.labels || [], {width, height} = model.preprocessing;
	const told = labels.length > 8 ? labels.slice(0, 6).join(', ') + ' …' : labels.join(', ');
	return t('state.ready', {model: model.name, width, height, classes: whole(model.output.classes)}) + (told && ' ' + told + '.');
}

function showState() {
	at('state').className = trouble ? 'bad' : 'soft';
	at('state').textContent = trouble ? t(...trouble) : state.model ? aboutModel(state.model) : t('state.wait');
}

function useModel(name) {
	state.model = state.models.find(m => m.name === name) || state.models[0];
	at('model').value = state.model.name;
	keep('convd-model', state.model.name, 'sessionStorage');
	tell('model');
	showState();
}

async function findModels() {
	trouble = null;
	showState();
	try {
		state.server = await (await fetch('web/server.json')).json();
		const {models} = await getJson('models');
		/* Pictures go to models that serve and take pictures. */
		state.models = models.filter(m => m.state === 'READY' && m.preprocessing);
		if (!state.models.length) trouble = ['state.none'];
	} catch (e) {
		trouble = e.status === 401 ? ['state.key'] : ['error.server', {why: e.message}];
	}
	at('retry').hidden = !trouble;
	showState();
	if (trouble) return;
	at('model').replaceChildren(...state.models.map(m => el('option', {value: m.name}, m.name)));
	at('which').hidden = state.models.length < 2;
	tell('models');
	useModel(kept('convd-model', 'sessionStorage'));
	startLive();
}

on('trouble', e => {
	trouble = ['error.server', {why: e.message}];
	showState();
});
on('language', showState);

startSettings();
for (const start of [startPhotos, startClasses, startHeat, startStrip, startLayer, startInspect, startCompare]) start();
at('model').onchange = e => useModel(e.target.value);
at('retry').onclick = findModels;
at('here').textContent = location.origin;
findModels();
