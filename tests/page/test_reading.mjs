// Languages, colours, small screens, keyboards, locked doors, and the reference.
import fs from 'node:fs';
import path from 'node:path';
import {equal, holds} from './harness.mjs';
import {answered, drop, house, openLayer, readSum} from './steps.mjs';

const sideways = page => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

export async function it_speaks_french(t) {
	const base = await t.serve();
	let page = await t.open(base, {locale: 'fr-CA'});
	await page.waitForSelector('.layer');
	equal(await page.getAttribute('html', 'lang'), 'fr', 'language of the browser');
	equal(await page.textContent('#choose'), 'Choisir une photo', 'a button');
	await page.click('#languages [data-language=en]');
	equal(await page.textContent('#choose'), 'Choose a photo', 'the button in English');
	await page.reload();
	await page.waitForSelector('.layer');
	equal(await page.getAttribute('html', 'lang'), 'en', 'the choice is kept');
	page = await t.open(base, {locale: 'de-DE'});
	equal(await page.getAttribute('html', 'lang'), 'en', 'for all others');
}

export async function a_phone_in_the_dark(t) {
	const page = await t.open(await t.serveViews(), {viewport: {width: 375, height: 812}, colorScheme: 'dark', hasTouch: true});
	await page.waitForSelector('.layer');
	await drop(page, house);
	await answered(page);
	await openLayer(page, 'Conv_0');
	await readSum(page);
	equal(await sideways(page), 0, 'pixels that stick out');
	const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	holds(background.match(/\d+/g).every(n => n < 60), `background ${background}`);
	await t.accessible(page, 'dark');
	await page.click('#theme');
	holds(await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).every(n => n > 200)), 'light by the switch');
	await page.reload();
	equal(await page.getAttribute('html', 'data-theme'), 'light', 'the choice is kept');
}

export async function a_keyboard_is_enough(t) {
	const page = await t.open(await t.serveViews());
	await page.waitForSelector('.layer');
	const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.dataset.sample || document.activeElement.className);
	const tabTo = async wanted => {
		for (let i = 0; i < 90; i++) {
			await page.keyboard.press('Tab');
			if (await focused() === wanted) return;
		}
		throw new Error('the Tab key does not lead to ' + wanted);
	};
	await tabTo('house');
	holds(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== 'none'), 'the focus is to be seen');
	await page.keyboard.press('Enter');
	await answered(page);
	await tabTo('strip');
	for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
	equal(await page.textContent('.layer[aria-selected=true] .called'), 'Conv_3', 'the layer');
	await page.waitForSelector('#maps .tile');
	await tabTo('tile');
	const tile = () => page.textContent('.tile[aria-pressed=true] span');
	const first = await tile();
	await page.keyboard.press('ArrowDown');
	holds(await tile() !== first, 'arrow keys move among the maps');
	await tabTo('map');
	const before = await page.textContent('#map-value');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('ArrowRight');
	await page.waitForFunction(text => document.querySelector('#map-value').textContent !== text, before);
	equal((await readSum(page)).agrees, 'true', 'the sum');
}

export async function a_key_is_asked_for(t) {
	const file = path.join(t.folder, 'keys');
	fs.writeFileSync(file, 'visitor: abcdefghijklmnopqrstuvwxyz012345\n', {mode: 0o600});
	const page = await t.open(await t.serve('models/scenes', '--api-key-file', file), {expected: /status of 401/});
	await page.waitForSelector('#key-dialog[open]');
	await t.accessible(page, 'the question for a key');
	await page.fill('#key', 'wrong');
	await page.click('#key-form .main');
	await page.waitForFunction(() => document.querySelector('#key-why').textContent.includes('does not know'));
	await page.fill('#key', 'abcdefghijklmnopqrstuvwxyz012345');
	await page.click('#key-form .main');
	await page.waitForSelector('.layer');
	await drop(page, house);
	await answered(page);
	equal(await page.textContent('#classes .class .name'), 'buildings', 'first bar');
	await page.reload();
	await page.waitForSelector('.layer');
	holds(await page.locator('#key-dialog').isHidden(), 'the tab keeps the key');
}

export async function without_views_it_still_classifies(t) {
	await t.serveViews();
	const page = await t.open(await t.serve('models/scenes', '--view-bytes', '0'));
	await page.waitForSelector('.layer');
	await drop(page, house);
	await answered(page);
	await page.locator('.layer').first().click();
	await page.waitForFunction(() => document.querySelector('#maps-say').textContent.includes('--view-bytes'));
	holds(await page.locator('#looking').isHidden(), 'no heat is offered');
}

export async function a_file_that_is_no_photo_is_explained(t) {
	const page = await t.open(await t.serve(), {expected: /status of 415/});
	await page.waitForSelector('.layer');
	await drop(page, 'LICENSE');
	await page.waitForSelector('#headline.bad');
	holds((await page.textContent('#headline')).includes('not a JPEG or PNG'), 'what the server says');
	await drop(page, house);
	await answered(page);
}

export async function the_server_is_watched(t) {
	const page = await t.open(await t.serve());
	await page.waitForSelector('.layer');
	await drop(page, house);
	await answered(page);
	await page.locator('#live').scrollIntoViewIfNeeded();
	await page.waitForFunction(() => document.querySelectorAll('#live-figures .figure').length === 4);
	await page.waitForFunction(() => document.querySelector('#live-say').textContent.includes('since the start: 1,'));
}

export async function the_reference_is_readable(t) {
	const base = await t.serve();
	const page = await t.open(base + '/docs');
	await page.waitForSelector('#predict');
	holds((await page.textContent('#predict')).includes('curl --data-binary @photo.jpg ' + base + '/predict'), 'a line for the terminal');
	const paths = Object.keys((await (await fetch(base + '/openapi.json')).json()).paths);
	const shown = new Set(await page.locator('#contents a span:last-child').allTextContents());
	for (const p of paths) holds(shown.has(p), p + ' is not in the contents');
	await page.fill('#filter', 'layers');
	holds(await page.locator('#predict').isHidden(), 'filtered');
	await t.accessible(page, 'the reference'); // all of it would take long
	await page.fill('#filter', '');
	await page.setViewportSize({width: 375, height: 812});
	equal(await sideways(page), 0, 'pixels that stick out');
}

export async function it_paints_soon_and_is_small(t) {
	const page = await t.open(await t.serve());
	await page.waitForSelector('.layer');
	const sizes = await page.evaluate(() => ({
		bytes: [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource').filter(r => r.name.includes('/web/'))]
			.reduce((sum, r) => sum + r.encodedBodySize, 0),
		paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
	}));
	holds(sizes.bytes > 20000 && sizes.bytes < 150 * 1024, `${sizes.bytes} bytes`);
	console.log(`        ${sizes.bytes} bytes, first paint after ${sizes.paint.toFixed(0)} ms`);
}
