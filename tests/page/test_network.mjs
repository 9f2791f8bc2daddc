// From a photo down to the single multiplication.
import {equal, holds} from './harness.mjs';
import {answered, drop, house, openLayer, readSum} from './steps.mjs';

const near = (a, b) => Math.abs(a - b) <= 1e-3 * (1 + Math.abs(b));

export async function a_dropped_photo_is_classified(t) {
	const page = await t.open(await t.serveViews());
	await page.waitForSelector('.layer');
	await drop(page, house);
	await answered(page);
	holds((await page.textContent('#headline')).startsWith('buildings'), 'headline');
	equal(await page.textContent('#classes .class .name'), 'buildings', 'first bar');
	equal(await page.locator('#times .legend > div').count(), 4, 'times');
	await page.waitForFunction(() => [...document.querySelectorAll('.thumb')].every(e => e.style.backgroundImage));
	const formulas = await page.locator('.layer .formula').allTextContents();
	holds(formulas.some(f => f.includes('= 64')), 'formulas in the strip');
	await t.accessible(page, 'with a photo');
}

export async function a_number_is_the_sum_that_is_shown(t) {
	const page = await t.open(await t.serveViews());
	await page.waitForSelector('.layer');
	await drop(page, house);
	await answered(page);
	await openLayer(page, 'Conv_3');
	equal(await page.locator('#maps .tile').count(), 40, 'maps');
	await page.waitForSelector('#filters-picture');
	holds((await page.textContent('#layer-words')).includes('8,680'), 'parameters');
	for (const [x, y] of [[100, 80], [2, 2]]) {
		await page.locator('#map').hover({position: {x, y}});
		await page.waitForFunction(at => document.querySelector('#map-value').textContent.includes(at), x === 2 ? 'row 0, column 0' : 'column');
		await page.waitForTimeout(300);
		const sum = await readSum(page);
		holds(near(sum.terms.reduce((a, b) => a + b, 0), sum.map), `terms ${sum.terms} are not ${sum.map}`);
		holds(near(sum.total, sum.map), 'sum and map');
		equal(sum.agrees, 'true', 'verdict');
		for (const {tables: [input, weights, products], sum: part} of sum.parts) {
			equal(input.length, 9, 'numbers of a window');
			holds(Math.abs(products.reduce((a, b) => a + b, 0) - part) < 0.06, 'products as they are read');
			input.forEach((v, i) => holds(Math.abs(v * weights[i] - products[i]) < 0.02 * (1 + Math.abs(v)), 'input times weight'));
		}
	}
	await page.waitForSelector('#field:not([hidden])');
	const field = await page.locator('#field').boundingBox(), photo = await page.locator('#field-photo img').boundingBox();
	holds(field.x >= photo.x - 3 && field.width > 0 && field.width < photo.width / 8, 'receptive field in the photo');
	await t.accessible(page, 'with a layer');
}

export async function layers_without_kernels_are_worked_out_too(t) {
	const page = await t.open(await t.serveViews());
	await page.waitForSelector('.layer');
	await drop(page, house);
	await answered(page);
	const ops = await page.locator('.layer .op').allTextContents();
	for (const op of ['Relu', 'Add', 'GlobalAveragePool']) {
		const index = ops.indexOf(op);
		if (index < 0) continue;
		await page.locator('.layer').nth(index).click();
		await page.waitForFunction(name => document.querySelector('#layer-name').textContent.startsWith(name), op);
		await page.waitForSelector(op === 'GlobalAveragePool' ? '#maps .numbers' : '#sums .total');
		holds((await page.textContent('#layer-words .does')).length > 20, 'told in words');
	}
	await page.locator('.layer').last().click();
	await page.waitForSelector('#maps .numbers');
	equal(await page.textContent('#maps .numbers .name'), 'buildings', 'the largest score');
}

export async function heat_lies_over_the_photo(t) {
	const page = await t.open(await t.serveViews());
	await page.waitForSelector('.layer');
	await drop(page, house);
	await answered(page);
	await page.click('#classes .class');
	await page.waitForSelector('#heat:not([hidden])');
	holds((await page.textContent('#heat-say')).includes('class activation map'), 'the method is named');
	await page.locator('#opacity').fill('30');
	equal(await page.evaluate(() => document.querySelector('#heat').style.opacity), '0.3', 'opacity');
	await page.selectOption('#method', 'occlusion');
	await page.waitForFunction(() => document.querySelector('#heat-say').textContent.includes('occlusion'));
	await page.fill('#class', 'forest');
	await page.selectOption('#method', 'auto');
	await page.click('#class-form [type=submit]');
	await page.waitForFunction(() => document.querySelector('#heat-say').textContent.startsWith('forest'));
	await page.click('#heat-off');
	holds(await page.locator('#heat').isHidden(), 'hidden again');
}

export async function two_photos_stand_side_by_side(t) {
	const page = await t.open(await t.serveViews());
	await page.waitForSelector('.layer');
	await drop(page, house);
	await answered(page);
	await openLayer(page, 'Conv_3');
	await page.click('#compare');
	await page.click('#other-samples [data-sample=sea]');
	await page.waitForFunction(() => [...document.querySelectorAll('.side h3')].map(e => e.textContent.split(' ')[0]).join() === 'buildings,sea');
	await page.waitForFunction(() => document.querySelectorAll('#other-maps img').length === 2);
}
