/* How the server does, from /metrics: asked every two seconds, while someone can see it. */
import {ask} from './api.js';
import {at, el, ms} from './dom.js';
import {on} from './state.js';
import {language, t} from './text.js';

const EVERY_MS = 2000;
const KEPT = 45; /* moments in a curve */

const series = {throughput: [], p50: [], p99: [], batch: []};
let before = null, timer = 0, inSight = false;

/* name -> [{labels, value}] */
export function parse(text) {
	const metrics = new Map();
	for (const line of text.split('\n')) {
		const m = /^(\w+)(\{.*\})? (\S+)$/.exec(line);
		if (!m) continue;
		if (!metrics.has(m[1])) metrics.set(m[1], []);
		metrics.get(m[1]).push({labels: m[2] || '', value: Number(m[3])});
	}
	return metrics;
}

function histogram(metrics, name, wanted) {
	const buckets = new Map();
	for (const {labels, value} of metrics.get(name + '_bucket') || []) {
		if (wanted && !wanted.test(labels)) continue;
		const limit = /le="([^"]+)"/.exec(labels)[1];
		const le = limit === '+Inf' ? Infinity : Number(limit);
		buckets.set(le, (buckets.get(le) || 0) + value);
	}
	const sum = kind => (metrics.get(name + kind) || []).filter(s => !wanted || wanted.test(s.labels)).reduce((a, s) => a + s.value, 0);
	return {buckets, sum: sum('_sum'), count: sum('_count')};
}

const less = (now, past) => ({sum: now.sum - past.sum, count: now.count - past.count,
	buckets: new Map([...now.buckets].map(([le, n]) => [le, n - (past.buckets.get(le) || 0)]))});

/* Linear within its bucket, as Prometheus's histogram_quantile(). */
export function quantile(h, q) {
	let from = 0, had = 0;
	const rank = q * h.count;
	for (const [le, n] of [...h.buckets].sort((a, b) => a[0] - b[0])) {
		if (n >= rank && n > 0) return le === Infinity ? from : from + (le - from) * (n > had ? (rank - had) / (n - had) : 1);
		from = le;
		had = n;
	}
	return NaN;
}

const predictions = /route="\/predict/;

function snapshot(text) {
	const m = parse(text);
	return {at: performance.now(), pictures: (m.get('convd_pictures_total') || []).filter(s => s.labels.includes('"ok"')).reduce((a, s) => a + s.value, 0),
		latency: histogram(m, 'convd_http_request_duration_seconds', predictions), batch: histogram(m, 'convd_batch_pictures'),
		waiting: (m.get('convd_queue_pictures') || []).reduce((a, s) => a + s.value, 0)};
}

function curve(values) {
	const ns = 'http://www.w3.org/2000/svg', svg = document.createElementNS(ns, 'svg'), line = document.createElementNS(ns, 'polyline');
	const most = Math.max(...values.filter(Number.isFinite), 1e-9);
	svg.setAttribute('viewBox', `0 0 ${KEPT - 1} 20`);
	svg.setAttribute('preserveAspectRatio', 'none');
	svg.setAttribute('aria-hidden', 'true');
	line.setAttribute('points', values.map((v, i) => `${KEPT - values.length + i},${19 - 18 * (Number.isFinite(v) ? v : 0) / most}`).join(' '));
	svg.append(line);
	return svg;
}

function figure(name, value, values) {
	return el('div', {class: 'figure'}, el('dt', {}, t('live.' + name)), el('dd', {}, value, curve(values)));
}

const decimal = (x, digits) => new Intl.NumberFormat(language(), {maximumFractionDigits: digits}).format(x);

function show(now) {
	if (!now) return;
	const past = before || {...now, pictures: now.pictures, at: now.at - EVERY_MS};
	const recent = before ? less(now.latency, past.latency) : now.latency, latency = recent.count > 0 ? recent : now.latency;
	const batch = before && now.batch.count > past.batch.count ? less(now.batch, past.batch) : now.batch;
	const values = {throughput: 1000 * (now.pictures - past.pictures) / (now.at - past.at), p50: 1000 * quantile(latency, 0.5),
		p99: 1000 * quantile(latency, 0.99), batch: batch.count ? batch.sum / batch.count : NaN};
	for (const [name, list] of Object.entries(series)) {
		list.push(values[name]);
		if (list.length > KEPT) list.shift();
	}
	before = now;
	draw(now);
}

function draw(now) {
	const last = name => series[name][series[name].length - 1];
	const or = (x, text) => (Number.isFinite(x) ? text(x) : '\u2013');
	at('live-figures').replaceChildren(figure('throughput', or(last('throughput'), x => t('live.persecond', {n: decimal(x, 1)})), series.throughput),
		figure('p50', or(last('p50'), ms), series.p50), figure('p99', or(last('p99'), ms), series.p99),
		figure('batch', or(last('batch'), x => decimal(x, 1)), series.batch));
	at('live-say').textContent = t('live.say', {n: decimal(now.pictures, 0), waiting: now.waiting});
}

async function poll() {
	clearTimeout(timer);
	if (!inSight || document.hidden) return;
	try {
		show(snapshot(await (await ask('metrics')).text()));
	} catch (e) {
		at('live-say').textContent = t('error.server', {why: e.message});
		if (e.status) return; /* without a key there is nothing to wait for */
	}
	clearTimeout(timer);
	timer = setTimeout(poll, EVERY_MS);
}

export function startLive() {
	new IntersectionObserver(entries => {
		inSight = entries[entries.length - 1].isIntersecting;
		poll();
	}).observe(at('live'));
	document.addEventListener('visibilitychange', poll);
	on('language', () => before && draw(before));
}
