// A server, a browser, and what must hold on every page: no errors in its console, no request to another origin.
import {spawn} from 'node:child_process';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const packages = createRequire(path.resolve('build/page/package.json'));

export const PATIENCE_MS = 60000;

export async function launch() {
	const executablePath = BROWSERS.find(b => fs.existsSync(b));
	if (!executablePath) return {missing: 'no Chromium: tests/install-deps.sh page installs it'};
	const {chromium} = packages('playwright-core');
	// Within containers there is often no sandbox to be had; the only pages are this server's. The camera is a drawn one.
	const args = ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
	return {browser: await chromium.launch({executablePath, args})};
}

export function equal(got, want, what) {
	if (got !== want) throw new Error(`${what}: is ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

export function holds(condition, what) {
	if (!condition) throw new Error(what);
}

// A test that cannot run here.
export class Skip extends Error {}

// convd serve on a free port.
class Server {
	constructor(build, folder, args) {
		fs.mkdirSync(folder, {recursive: true});
		this.portFile = path.join(folder, 'port');
		const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CONVD_')));
		const log = fs.openSync(path.join(folder, 'stderr.log'), 'w');
		this.process = spawn(path.join(build, 'convd'), ['serve', '--port', '0', '--port-file', this.portFile, ...args],
			{env, stdio: ['ignore', log, log]});
		this.ended = new Promise(resolve => this.process.on('exit', resolve));
	}

	async start() {
		for (let i = 0; i < PATIENCE_MS / 20; i++) {
			if (fs.existsSync(this.portFile)) {
				this.base = 'http://127.0.0.1:' + fs.readFileSync(this.portFile, 'utf8').trim();
				if (await fetch(this.base + '/health/ready').then(r => r.ok, () => false)) return;
			}
			await new Promise(resolve => setTimeout(resolve, 20));
		}
		throw new Error('convd does not start');
	}

	async stop() {
		this.process.kill('SIGTERM');
		equal(await this.ended, 0, 'exit status of convd');
	}
}

export class Test {
	constructor(build, browser, name) {
		Object.assign(this, {build, browser, name, problems: [], contexts: [], servers: []});
		this.folder = path.join(build, 'tests/page', name);
		fs.rmSync(this.folder, {recursive: true, force: true});
		fs.mkdirSync(this.folder, {recursive: true});
	}

	async serve(...args) {
		if (process.env.CONVD_PAGE && !args.length) return process.env.CONVD_PAGE;
		const server = new Server(this.build, path.join(this.folder, `server-${this.servers.length}`), args.length ? args : ['models/scenes']);
		this.servers.push(server);
		await server.start();
		return server.base;
	}

	// The address of a server that shows maps.
	async serveViews() {
		const base = await this.serve();
		const {views} = await (await fetch(base + '/web/server.json')).json();
		if (!views) throw new Skip('this server shows no maps');
		return base;
	}

	// A page of its own. expected: what may stand in the console.
	async open(address, {expected = /^$/, ...options} = {}) {
		const context = await this.browser.newContext({viewport: {width: 1280, height: 900}, locale: 'en-GB', colorScheme: 'light', ...options});
		context.setDefaultTimeout(PATIENCE_MS);
		this.contexts.push(context);
		const page = await context.newPage(), {origin} = new URL(address);
		page.on('pageerror', e => this.problems.push('error in the page: ' + e.stack));
		page.on('console', m => {
			if (['error', 'warning'].includes(m.type()) && !expected.test(m.text())) this.problems.push(`console: ${m.text()} ${m.location().url}`);
		});
		page.on('request', r => {
			if (!r.url().startsWith(origin + '/') && !/^(data|blob):/.test(r.url())) this.problems.push('request to ' + r.url());
		});
		await page.goto(address);
		this.page = page;
		return page;
	}

	check() {
		if (this.problems.length) throw new Error(this.problems.join('\n'));
	}

	async picture() {
		await this.page?.screenshot({path: path.join(this.folder, 'failed.png'), fullPage: true}).catch(() => {});
	}

	async end() {
		for (const context of this.contexts) await context.close();
		for (const server of this.servers) await server.stop().catch(e => console.log(`FAILED  ${this.name}: ${e.message}`));
	}

	// Findings of axe-core that are serious or worse.
	async accessible(page, what) {
		await page.evaluate(fs.readFileSync(packages.resolve('axe-core/axe.min.js'), 'utf8'));
		const {violations} = await page.evaluate(() => window.axe.run(document));
		const bad = violations.filter(v => ['serious', 'critical'].includes(v.impact));
		holds(!bad.length, `${what}: ` + bad.map(v => `${v.id}: ${v.help}\n${v.nodes.slice(0, 4).map(n => n.html.slice(0, 200) + '\n' + n.failureSummary).join('\n')}`).join('\n'));
	}
}
