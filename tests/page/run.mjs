// The page in a browser.
//
//     node run.mjs BUILD [NAME ...]      NAME: a test, or part of its name
//
// Every exported function of the files test_*.mjs is a test. It gets what stands in harness.mjs. Prints what failed
// and, last, "N passed, N failed, N skipped". CONVD_PAGE=URL tests a server that runs already.
import fs from 'node:fs';
import path from 'node:path';
import {launch, Skip, Test} from './harness.mjs';

const here = import.meta.dirname;
const [build, ...wanted] = process.argv.slice(2);
const LIMIT_MS = 180000;

async function collect() {
	const tests = [];
	for (const file of fs.readdirSync(here).filter(f => /^test_.*\.mjs$/.test(f)).sort())
		for (const [name, run] of Object.entries(await import(path.join(here, file))))
			if (!wanted.length || wanted.some(w => name.includes(w))) tests.push({name, run});
	return tests;
}

async function runOne(browser, {name, run}) {
	const test = new Test(build, browser, name), start = performance.now();
	let problem = null, timer;
	try {
		await Promise.race([run(test), new Promise((resolve, reject) => {
			timer = setTimeout(() => reject(new Error('not done after its time limit')), LIMIT_MS);
		})]);
		test.check();
	} catch (e) {
		problem = e;
		if (!(e instanceof Skip)) await test.picture();
	}
	clearTimeout(timer);
	await test.end();
	const took = ((performance.now() - start) / 1000).toFixed(1);
	if (problem instanceof Skip) {
		console.log(`skipped ${name}: ${problem.message}`);
		return 'skipped';
	}
	console.log(problem ? `FAILED  ${name}: ${problem.stack}` : `ok      ${name} (${took} s)`);
	return problem ? 'failed' : 'passed';
}

const tests = await collect();
const {browser, missing} = await launch();
if (!browser) {
	console.log(`skipped: ${missing}`);
	console.log(`0 passed, 0 failed, ${tests.length} skipped`);
	process.exit(0);
}
const count = {passed: 0, failed: 0, skipped: 0};
async function lane() {
	for (let test; (test = tests.shift());) count[await runOne(browser, test)]++;
}
await Promise.all([lane(), lane()]); // they mostly wait
await browser.close();
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed ? 1 : 0);
