/* The switches of language and colours, on every page. */
import {at, keep} from './dom.js';
import {tell} from './state.js';
import {language, languages, t, translate} from './text.js';

const dark = () => (document.documentElement.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';

function showSwitches() {
	at('theme').setAttribute('aria-pressed', String(dark()));
	at('theme').setAttribute('aria-label', t('theme.dark'));
	at('theme').title = t('theme.dark');
	for (const button of document.querySelectorAll('#languages button'))
		button.setAttribute('aria-pressed', String(button.dataset.language === language()));
}

function speak(name) {
	document.documentElement.lang = name;
	translate();
	document.documentElement.classList.remove('translating');
	showSwitches();
	tell('language');
}

export function startSettings() {
	at('theme').onclick = () => {
		const theme = dark() ? 'light' : 'dark';
		document.documentElement.dataset.theme = theme;
		keep('convd-theme', theme);
		showSwitches();
	};
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', showSwitches);
	for (const button of document.querySelectorAll('#languages button')) button.onclick = () => {
		keep('convd-language', button.dataset.language);
		speak(button.dataset.language);
	};
	speak(languages.includes(language()) ? language() : 'en');
}
