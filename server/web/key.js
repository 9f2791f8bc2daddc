/* Asks for the API key of servers that want one. */
import {at} from './dom.js';
import {t} from './text.js';

let waiting = null; /* one question at a time, however many requests wait for its answer */

/* The key; "" when the reader has none. */
export function askForKey(wasWrong) {
	waiting ??= new Promise(resolve => {
		const dialog = at('key-dialog'), field = at('key');
		at('key-why').textContent = t(wasWrong ? 'key.wrong' : 'key.why');
		field.value = '';
		const done = value => {
			dialog.close();
			waiting = null;
			resolve(value);
		};
		at('key-form').onsubmit = e => {
			e.preventDefault();
			done(field.value.trim());
		};
		at('key-cancel').onclick = () => done('');
		dialog.oncancel = e => {
			e.preventDefault();
			done('');
		};
		dialog.showModal();
	});
	return waiting;
}
