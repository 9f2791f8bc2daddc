/* Runs before anything is painted, so that neither colours nor language jump. */
'use strict';
(function () {
	const root = document.documentElement;
	const kept = name => {
		try { return localStorage.getItem(name); } catch (e) { return null; }
	};
	const theme = kept('convd-theme');
	if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
	const known = ['en', 'fr'];
	const wanted = [kept('convd-language'), ...(navigator.languages || [])].map(l => (l || '').slice(0, 2).toLowerCase());
	root.lang = wanted.find(l => known.includes(l)) || 'en';
	if (root.lang !== 'en') root.classList.add('translating');
})();
