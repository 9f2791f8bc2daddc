/* Requests to the server that sent the page. */
import {keep, kept} from './dom.js';
import {state} from './state.js';
import {askForKey} from './key.js';

const KEY = 'convd-key';

export class ServerError extends Error {
	constructor(status, code, message) {
		super(message);
		this.status = status;
		this.code = code;
	}
}

async function errorOf(reply) {
	const text = await reply.text();
	try {
		const {code, message} = JSON.parse(text).error;
		return new ServerError(reply.status, code, message);
	} catch (e) {
		return new ServerError(reply.status, '', 'HTTP ' + reply.status);
	}
}

const pause = (seconds, signal) => new Promise((resolve, reject) => {
	const timer = setTimeout(resolve, 1000 * seconds);
	signal?.addEventListener('abort', () => {
		clearTimeout(timer);
		reject(signal.reason);
	});
});

/* A reply of status 2xx, or a ServerError. A busy server is asked again twice, one that wants a key as often as the
 * reader gives one. */
export async function ask(path, {method = 'GET', body, accept, signal} = {}) {
	let patience = 2;
	let key = kept(KEY, 'sessionStorage');
	if (!key && state.server.key_needed) key = await newKey(false);
	for (;;) {
		const headers = {};
		if (accept) headers.Accept = accept;
		if (body) headers['Content-Type'] = body.type || 'application/octet-stream';
		if (key) headers['X-Api-Key'] = key;
		const reply = await fetch(path, {method, body, headers, signal});
		if (reply.ok) return reply;
		if (reply.status === 401) {
			keep(KEY, null, 'sessionStorage');
			key = await newKey(Boolean(key));
		} else if (reply.status === 503 && reply.headers.has('Retry-After') && patience-- > 0) {
			await pause(Math.min(5, Number(reply.headers.get('Retry-After')) || 1), signal);
		} else {
			throw await errorOf(reply);
		}
	}
}

async function newKey(wasWrong) {
	const key = await askForKey(wasWrong);
	if (!key) throw new ServerError(401, 'unauthorized', '');
	keep(KEY, key, 'sessionStorage');
	return key;
}

export const getJson = async (path, options) => (await ask(path, {accept: 'application/json', ...options})).json();

/* Floats and their shape. */
export async function getFloats(path, options) {
	const reply = await ask(path, {accept: 'application/octet-stream', ...options});
	const list = name => (reply.headers.get(name) || '').split(',').filter(Boolean).map(Number);
	return {shape: list('X-Shape'), channels: list('X-Channels'), data: new Float32Array(await reply.arrayBuffer())};
}

/* Server-sent events of a POST: on_event(name, data) for each. */
export async function getEvents(path, options, onEvent) {
	const reply = await ask(path, {accept: 'text/event-stream', ...options});
	const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
	let text = '';
	for (;;) {
		const {value, done} = await reader.read();
		if (done) return;
		text += value;
		for (let end; (end = text.search(/\r?\n\r?\n/)) >= 0;) {
			const event = text.slice(0, end);
			text = text.slice(end).replace(/^\r?\n\r?\n/, '');
			const name = /^event: ?(.*)$/m.exec(event), data = /^data: ?(.*)$/m.exec(event);
			if (data) onEvent(name ? name[1].trim() : 'message', JSON.parse(data[1]));
		}
	}
}

export const wasAborted = e => e.name === 'AbortError';
export const modelPath = name => 'models/' + encodeURIComponent(name);
