/* What the page says, in the reader's language. */
import {en} from './text_en.js';
import {fr} from './text_fr.js';

const texts = {en, fr};

export const languages = Object.keys(texts);
export const language = () => document.documentElement.lang;

/* The text of a key, with {name} replaced by values.name. */
export function t(key, values = {}) {
	const text = (texts[language()] || en)[key] ?? en[key] ?? key;
	return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}
export const has = key => key in en;

/* Fill in what the HTML only names: data-t is an element's text, data-t-label its accessible name, data-t-hint a
 * field's placeholder. */
export function translate(root = document) {
	for (const e of root.querySelectorAll('[data-t]')) e.textContent = t(e.dataset.t);
	for (const e of root.querySelectorAll('[data-t-label]')) e.setAttribute('aria-label', t(e.dataset.tLabel));
	for (const e of root.querySelectorAll('[data-t-hint]')) e.placeholder = t(e.dataset.tHint);
}
