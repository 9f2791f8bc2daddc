/* The numbers of the network for the chosen photo: maps, filters, the tensor that it takes. What was asked for is
 * kept as long as it fits, and dropped with the photo or the model. */
import {getFloats, getJson, modelPath} from './api.js';
import {on, state} from './state.js';

const MOST_BYTES = 128 * 1024 * 1024;

const cache = new Map(); /* path -> promise, the latest used last */
const sizes = new Map();

function forget(path) {
	cache.delete(path);
	sizes.delete(path);
}

function makeRoom() {
	let sum = 0;
	for (const size of sizes.values()) sum += size;
	for (const path of [...cache.keys()]) {
		if (sum <= MOST_BYTES) return;
		sum -= sizes.get(path) || 0;
		forget(path);
	}
}

function remember(path, load) {
	const had = cache.get(path);
	cache.delete(path);
	const promise = had || load();
	cache.set(path, promise);
	if (!had) promise.then(value => {
		if (cache.get(path) !== promise) return;
		sizes.set(path, value.data ? value.data.byteLength : 4096);
		makeRoom();
	}, () => forget(path));
	return promise;
}

on('photo model', () => {
	cache.clear();
	sizes.clear();
});

const here = () => modelPath(state.model.name);
const withPhoto = () => ({method: 'POST', body: state.photo.blob});

/* By its name, by which the server finds layers first; by its number where others have the same name, or it has none. */
export function layerPath(row) {
	const alone = row.name && state.layers.every(other => other === row || other.name !== row.name);
	return here() + '/layers/' + (alone ? encodeURIComponent(row.name) : row.index);
}

/* Maps that can be asked for by channel. */
function mapsOf(floats) {
	const [n, height, width] = floats.shape, size = height * width;
	const channels = floats.channels.length ? floats.channels : Array.from({length: n}, (unused, i) => i);
	const place = new Map(channels.map((c, i) => [c, i]));
	return {height, width, channels, data: floats.data,
		map: channel => (place.has(channel) ? floats.data.subarray(place.get(channel) * size, (place.get(channel) + 1) * size) : null)};
}

/* choice: 'strongest=16', 'channels=0,3', or '' for all of them in their order. row: one of state.layers; null: the
 * picture's tensor. */
export function maps(row, choice = '') {
	const path = row === null ? here() + '/input' : layerPath(row) + '/activations' + (choice && '?' + choice);
	return remember(path, () => getFloats(path, withPhoto()).then(mapsOf));
}

/* The part of the photo that the network sees, in the photo's pixels. */
export function seen() {
	const path = here() + '/input';
	return remember(path + ' window', async () => (await getJson(path, withPhoto())).window);
}

/* One filter: {bias, first_channel, weights[slice][row][column]}, with what holds for all of them. */
export function filter(row, channel) {
	const path = layerPath(row) + '/filters?channels=' + channel;
	return remember(path, async () => {
		const all = await getJson(path);
		return {...all, ...all.chosen[0]};
	});
}

export const filtersPicture = (row, choice) => layerPath(row) + '/filters.png?' + choice;
