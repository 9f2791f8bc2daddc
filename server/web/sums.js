/* What a layer computes for one element of its output, number by number. Nothing here knows of the page. */

export const isConvolution = row => row.op === 'Conv' || row.op === 'QLinearConv' || row.op === 'ConvInteger';
export const isPool = row => ['MaxPool', 'AveragePool', 'QLinearAveragePool'].includes(row.op);
export const isGlobalPool = row => ['GlobalAveragePool', 'QLinearGlobalAveragePool', 'GlobalMaxPool'].includes(row.op);
/* Element by element: the output depends on the same element of each input alone. */
export const isPointwise = row => ['Relu', 'Clip', 'LeakyRelu', 'PRelu', 'Sigmoid', 'HardSigmoid', 'HardSwish', 'Tanh', 'Elu', 'Selu',
	'Softplus', 'Erf', 'Gelu', 'Mish', 'Exp', 'Sqrt', 'Abs', 'Neg', 'Add', 'Sub', 'Mul', 'Div', 'Sum', 'BatchNormalization',
	'Dropout', 'Identity', 'QuantizeLinear', 'DequantizeLinear', 'QLinearAdd', 'QLinearLeakyRelu', 'QLinearSigmoid'].includes(row.op);

export const hasSums = row => row.input_rows?.length > 0 && (((isConvolution(row) || isPool(row)) && row.kernel !== null) || isGlobalPool(row) || isPointwise(row));

/* Rows and columns of the input under the kernel at (y, x) of the output, and whether they are inside. */
function under(row, y, x, height, width) {
	const [kernelY, kernelX] = row.kernel, [stepY, stepX] = row.stride, [top, left] = row.padding, [farY, farX] = row.dilation;
	const places = [];
	for (let i = 0; i < kernelY; i++) {
		const line = [];
		for (let j = 0; j < kernelX; j++) {
			const iy = y * stepY - top + i * farY, ix = x * stepX - left + j * farX;
			line.push(iy >= 0 && iy < height && ix >= 0 && ix < width ? iy * width + ix : -1);
		}
		places.push(line);
	}
	return places;
}

/* A matrix of the map's numbers at these places; null is padding. */
const take = (map, places) => places.map(line => line.map(i => (i < 0 ? null : map[i])));

/* input: {height, width, map(channel)}; filter: {first_channel, weights, bias}. The parts are the input channels that
 * the filter reads: {channel, window, weights, products, sum}, those that contribute most first. */
export function convolution(row, filter, y, x, input) {
	const places = under(row, y, x, input.height, input.width);
	const parts = filter.weights.map((weights, slice) => {
		const channel = filter.first_channel + slice;
		const window = take(input.map(channel), places);
		const products = window.map((line, i) => line.map((v, j) => (v === null ? 0 : v * weights[i][j])));
		return {channel, window, weights, products, sum: products.flat().reduce((a, b) => a + b, 0)};
	});
	const total = parts.reduce((a, p) => a + p.sum, filter.bias || 0);
	const size = parts.reduce((a, p) => a + p.products.flat().reduce((s, v) => s + Math.abs(v), 0), 0);
	parts.sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
	return {parts, bias: filter.bias || 0, total, size};
}

/* The window of a pool, what is in it, and its largest and its mean. */
export function pool(row, channel, y, x, input) {
	const window = take(input.map(channel), under(row, y, x, input.height, input.width));
	const inside = window.flat().filter(v => v !== null);
	return {window, inside, largest: Math.max(...inside), mean: inside.reduce((a, b) => a + b, 0) / inside.length,
		meanOfAll: inside.reduce((a, b) => a + b, 0) / window.flat().length};
}

export function whole(channel, input) {
	const map = input.map(channel);
	let sum = 0, largest = -Infinity;
	for (const v of map) {
		sum += v;
		if (v > largest) largest = v;
	}
	return {count: map.length, sum, mean: sum / map.length, largest};
}

/* Sums of floats in another order differ in their last digits. */
export const same = (a, b, size = 0) => Math.abs(a - b) <= 1e-4 * (1 + Math.abs(a)) + 1e-5 * size;
