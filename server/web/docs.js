/* openapi.json for reading: its operations, each with parameters, forms, answers and a line for the terminal. */
import {at, el} from './dom.js';
import {startSettings} from './settings.js';
import {on} from './state.js';
import {t} from './text.js';

const METHODS = ['get', 'post', 'put', 'delete'];
const DEEPEST = 6; /* of forms within forms */

let spec = null;

function resolve(thing) {
	for (let hops = 0; thing?.$ref && hops < 8; hops++)
		thing = thing.$ref.slice(2).split('/').reduce((o, key) => o?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], spec);
	return thing || {};
}

const nameOf = thing => (thing?.$ref ? thing.$ref.split('/').pop() : '');

function typeOf(raw) {
	const s = resolve(raw), either = s.oneOf || s.anyOf;
	if (either) return either.map(e => nameOf(e) || typeOf(e)).join(' | ');
	if (s.type === 'array') return (nameOf(s.items) || typeOf(s.items)) + '[]';
	const type = [].concat(s.type || (s.properties ? 'object' : 'any')).join(' | ');
	return s.enum ? s.enum.map(v => JSON.stringify(v)).join(' | ') : s.const !== undefined ? JSON.stringify(s.const) : s.format ? `${type} (${s.format})` : type;
}

function limits(raw) {
	const s = resolve(raw), told = [];
	if (s.minimum !== undefined) told.push('\u2265 ' + s.minimum);
	if (s.maximum !== undefined) told.push('\u2264 ' + s.maximum);
	if (s.default !== undefined) told.push(t('docs.default', {value: JSON.stringify(s.default)}));
	return told.join(', ');
}

/* All properties, those of the forms that it consists of too. */
function propertiesOf(s) {
	const all = {...s.properties};
	for (const part of s.allOf || []) Object.assign(all, propertiesOf(resolve(part)));
	return all;
}

const requiredOf = s => [...(s.required || []), ...(s.allOf || []).flatMap(part => requiredOf(resolve(part)))];

function form(raw, depth = 0) {
	const s = resolve(raw), either = s.oneOf || s.anyOf;
	if (depth > DEEPEST) return null;
	if (either) return el('ul', {class: 'schema'}, ...either.map(e => el('li', {}, el('span', {class: 'type'}, nameOf(e) || typeOf(e)), form(e, depth + 1))));
	if (s.type === 'array') return form(s.items, depth + 1);
	const properties = Object.entries(propertiesOf(s)), required = requiredOf(s);
	if (!properties.length) return null;
	return el('ul', {class: 'schema'}, ...properties.map(([name, inner]) => {
		const i = resolve(inner), deeper = form(inner, depth + 1);
		return el('li', {}, el('code', {}, name), ' ', el('span', {class: 'type'}, typeOf(inner)), required.includes(name) ? '' : ' ?',
			i.description ? ' \u2013 ' + i.description : '', deeper && depth > 0 ? el('details', {}, el('summary', {}, t('docs.schema')), deeper) : deeper);
	}));
}

const folded = (title, ...inside) => el('details', {}, el('summary', {}, title), ...inside);

/* An example from the description, as it stands there. */
function exampleOf(media) {
	const value = media.example ?? resolve(Object.values(media.examples || {})[0]).value ?? resolve(media.schema).example ?? resolve(media.schema).examples?.[0];
	return value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value, null, '  ');
}

function contents(content) {
	return Object.entries(content || {}).map(([type, media]) => {
		const inside = form(media.schema), example = exampleOf(media);
		return el('div', {}, el('span', {class: 'type'}, type), ' ', el('span', {class: 'soft'}, nameOf(media.schema)), example && folded(t('docs.example'), el('pre', {}, example)),
			inside && folded(t('docs.schema'), inside));
	});
}

function parameters(list) {
	if (!list.length) return [];
	return [el('h4', {}, t('docs.parameters')), el('table', {}, el('tbody', {}, ...list.map(raw => {
		const p = resolve(raw);
		return el('tr', {}, el('th', {scope: 'row'}, el('code', {}, p.name), el('div', {class: 'soft small'}, t('docs.in.' + p.in))),
			el('td', {}, el('span', {class: 'type'}, [typeOf(p.schema), limits(p.schema), p.required ? t('docs.required') : ''].filter(Boolean).join(', ')),
				el('div', {}, p.description || '')));
	})))];
}

function answers(responses) {
	return [el('h4', {}, t('docs.answers')), el('table', {class: 'answers'}, el('tbody', {}, ...Object.entries(responses).map(([status, raw]) => {
		const r = resolve(raw), headers = Object.entries(r.headers || {}).filter(([name]) => name !== 'X-Request-Id');
		return el('tr', {}, el('th', {scope: 'row'}, el('code', {}, status)), el('td', {}, el('div', {}, r.description || ''), ...contents(r.content),
			headers.length ? folded(t('docs.headers'), el('ul', {class: 'schema'}, ...headers.map(([name, h]) =>
				el('li', {}, el('code', {}, name), ' ', resolve(h).description || '')))) : null));
	})))];
}

/* What to type: a photo for what takes pictures, JSON for what takes JSON. */
function curl(method, path, operation) {
	const types = Object.keys(resolve(operation.requestBody).content || {});
	const query = (operation.parameters || []).map(resolve).filter(p => p.in === 'query' && p.required).map(p => p.name + '=' + p.name.toUpperCase());
	const address = location.origin + path.replace(/\{(\w+)\}/g, (all, name) => name.toUpperCase()) + (query.length ? '?' + query.join('&') : '');
	const quoted = /[?&]/.test(address) ? `'${address}'` : address;
	if (types.some(type => type.startsWith('image/'))) return (method === 'put' ? 'curl -T photo.jpg ' : 'curl --data-binary @photo.jpg ') + quoted;
	if (types.includes('application/json')) return 'curl --json @request.json ' + quoted;
	return (method === 'get' ? 'curl ' : `curl -X ${method.toUpperCase()} `) + quoted;
}

function terminal(line) {
	const copy = el('button', {type: 'button', onclick: async () => {
		try {
			await navigator.clipboard.writeText(line);
			copy.textContent = t('docs.copied');
		} catch (e) { /* pages that are not of https or localhost may not */ }
	}}, t('docs.copy'));
	return el('div', {class: 'curl'}, el('pre', {}, line), navigator.clipboard ? copy : null);
}

function operation({method, path, id, it}) {
	const body = resolve(it.requestBody);
	return el('article', {class: 'card operation', id, 'data-text': `${method} ${path} ${it.summary || ''}`.toLowerCase()},
		el('h3', {}, el('span', {class: 'method ' + method}, method.toUpperCase()), ' ' + path, it.security?.length === 0 ? el('span', {class: 'badge'}, t('docs.open')) : null),
		it.summary && el('p', {}, it.summary + (it.summary.endsWith('.') ? '' : '.')), it.description && el('p', {class: 'soft'}, it.description),
		...parameters([...(spec.paths[path].parameters || []), ...(it.parameters || [])]),
		...(body.content ? [el('h4', {}, t('docs.body')), ...contents(body.content)] : []),
		el('h4', {}, t('docs.try')), terminal(curl(method, path, it)), ...answers(it.responses || {}));
}

function operations() {
	return Object.entries(spec.paths).flatMap(([path, item]) => METHODS.filter(m => item[m])
		.map(method => ({method, path, it: item[method], id: item[method].operationId || method + path, tag: item[method].tags?.[0] || ''})));
}

function show() {
	if (!spec) return;
	const all = operations(), tags = [...new Set([...(spec.tags || []).map(tag => tag.name), ...all.map(o => o.tag)])];
	const groups = tags.map(tag => [tag, all.filter(o => o.tag === tag)]).filter(([, list]) => list.length);
	at('contents').replaceChildren(...groups.map(([tag, list]) => el('section', {}, el('h2', {}, tag), el('ul', {}, ...list.map(o =>
		el('li', {'data-for': o.id}, el('a', {href: '#' + o.id}, el('span', {class: 'method ' + o.method}, o.method.toUpperCase()), el('span', {}, o.path))))))));
	at('operations').replaceChildren(el('p', {class: 'soft'}, spec.info.description), ...groups.map(([tag, list]) =>
		el('section', {class: 'group'}, el('h2', {}, tag), ...list.map(operation))));
	filter();
	document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function filter() {
	const wanted = at('filter').value.trim().toLowerCase();
	for (const card of document.querySelectorAll('.operation')) {
		const hidden = !card.dataset.text.includes(wanted);
		card.hidden = hidden;
		document.querySelector(`[data-for="${CSS.escape(card.id)}"]`).hidden = hidden;
	}
	for (const group of document.querySelectorAll('.group, #contents section')) group.hidden = !group.querySelector('.operation:not([hidden]), li:not([hidden])');
}

on('language', show);
startSettings();
at('filter').oninput = filter;
try {
	spec = await (await fetch('openapi.json')).json();
	show();
} catch (e) {
	at('state').textContent = t('error.server', {why: e.message});
}
