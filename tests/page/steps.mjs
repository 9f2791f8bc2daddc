// What a visitor does.
import fs from 'node:fs';

export const house = 'docs/house.jpg';

const transferOf = (page, file) => page.evaluateHandle(text => {
	const transfer = new DataTransfer();
	transfer.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], 'photo.jpg', {type: 'image/jpeg'}));
	return transfer;
}, fs.readFileSync(file).toString('base64'));

// Drop a file on the page, as from a file manager.
export async function drop(page, file) {
	await page.dispatchEvent('#stage', 'drop', {dataTransfer: await transferOf(page, file)});
}

export async function paste(page, file) {
	await page.evaluate(data => document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data})), await transferOf(page, file));
}

export async function answered(page) {
	await page.waitForSelector('#classes .class');
}

export async function openLayer(page, name) {
	await page.locator('.layer', {has: page.locator(`.called:text-is("${name}")`)}).click();
	await page.waitForSelector('#maps .tile');
}

// The terms of the sum that the page shows, as numbers.
export async function readSum(page) {
	await page.waitForSelector('#sums .verdict');
	return page.evaluate(() => {
		const value = e => Number(e.dataset.value);
		const terms = [...document.querySelectorAll('#sums .term:not(.total) output')].map(value);
		return {terms, total: value(document.querySelector('#sums .total output')), map: value(document.querySelector('#map-value')),
			agrees: document.querySelector('#sums .verdict').dataset.agrees,
			parts: [...document.querySelectorAll('#sums .product')].map(p => {
				const numbers = table => [...table.querySelectorAll('td')].map(td => Number(td.textContent.replace('\u2212', '-')));
				return {tables: [...p.querySelectorAll('table')].map(numbers), sum: Number(p.querySelector('.part').dataset.part)};
			})};
	});
}
