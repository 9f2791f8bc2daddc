// The ways in which photos come.
import {equal, holds} from './harness.mjs';
import {answered, house, paste} from './steps.mjs';

const best = page => page.textContent('#classes .class .name');

export async function samples_and_files_and_pastes(t) {
	const page = await t.open(await t.serve());
	await page.waitForSelector('.layer');
	for (const name of ['sea', 'mountain']) {
		await page.click(`#samples [data-sample=${name}]`);
		await page.waitForFunction(label => document.querySelector('#classes .name')?.textContent === label, name);
	}
	await page.setInputFiles('#file', house);
	await page.waitForFunction(() => document.querySelector('#classes .name').textContent === 'buildings');
	await page.click('#samples [data-sample=sea]');
	await page.waitForFunction(() => document.querySelector('#classes .name').textContent === 'sea');
	await paste(page, house);
	await page.waitForFunction(() => document.querySelector('#classes .name').textContent === 'buildings');
}

export async function the_camera_takes_a_picture(t) {
	const page = await t.open(await t.serve());
	await page.waitForSelector('.layer');
	await page.click('#camera');
	await page.waitForFunction(() => document.querySelector('#video').videoWidth > 0 && !document.querySelector('#camera-say').textContent);
	await page.click('#shutter');
	await answered(page);
	holds(await page.locator('#camera-dialog').isHidden(), 'the camera is put away');
	equal(await page.evaluate(() => document.querySelector('#video').srcObject), null, 'and is off');
	holds((await best(page)).length > 0, 'a class');
}
