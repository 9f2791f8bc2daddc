/* A layer in words: what it does, what it learned, what it costs. */
import {el, pair, shape, short, times, whole} from './dom.js';
import {mapDims} from './strip.js';
import {isConvolution} from './sums.js';
import {has, t} from './text.js';

const dims = row => row.input_shape.slice(row.input_shape.length > 2 ? 1 : 0);

function convolution(row) {
	const [outputs, height, width] = mapDims(row), inputs = dims(row)[0];
	const [kernelY, kernelX] = row.kernel, slices = inputs / row.groups, weights = kernelY * kernelX * slices;
	const values = {inputs: whole(inputs), outputs: whole(outputs), kernel: kernelY + '\u00d7' + kernelX, weights: whole(weights),
		slices: whole(slices), height, width, groups: whole(row.groups), stride: pair(row.stride), dilation: pair(row.dilation)};
	const told = [];
	if (row.groups === inputs && row.groups > 1) told.push(t('conv.depthwise', values));
	else if (row.groups > 1) told.push(t('conv.groups', values));
	else if (kernelY * kernelX === 1) told.push(t('conv.pointwise', values));
	else told.push(t('conv.dense', values));
	told.push(t(pair(row.stride) === '1' ? 'conv.step1' : 'conv.step', values));
	if (row.padding.some(p => p)) told.push(t('conv.padding', {padding: new Set(row.padding).size === 1 ? row.padding[0] : row.padding.join(', ')}));
	if (row.dilation.some(d => d > 1)) told.push(t('conv.dilation', values));
	told.push(t('conv.shared', values));
	return told.join(' ');
}

function pool(row) {
	return t('pool.' + (row.op.includes('Max') ? 'max' : 'mean'), {kernel: row.kernel.join('\u00d7'), stride: pair(row.stride)});
}

function does(row) {
	if (isConvolution(row) && row.kernel) return convolution(row);
	if (row.op.endsWith('Pool') && row.kernel) return pool(row);
	return t(has('op.' + row.op) ? 'op.' + row.op : 'op.other', {op: row.op});
}

/* The arithmetic of parameters and of multiplications. */
function counts(row) {
	const list = [];
	if (isConvolution(row) && row.kernel) {
		const [outputs, height, width] = mapDims(row), slices = dims(row)[0] / row.groups, [kernelY, kernelX] = row.kernel;
		const weights = kernelY * kernelX * slices * outputs;
		const bias = row.parameters - weights;
		list.push([t('fact.parameters'), `${kernelY}\u00b7${kernelX}\u00b7${slices}\u00b7${outputs}${bias === outputs ? ' + ' + outputs : ''} = ${whole(row.parameters)}`]);
		list.push([t('fact.macs'), `${kernelY}\u00b7${kernelX}\u00b7${slices} \u00b7 ${height}\u00b7${width}\u00b7${outputs} = ${whole(row.macs)}`]);
	} else {
		if (row.parameters) list.push([t('fact.parameters'), whole(row.parameters)]);
		if (row.macs) list.push([t('fact.macs'), whole(row.macs)]);
	}
	if (row.macs && row.macs_if_dense > row.macs)
		list.push([t('fact.dense'), t('fact.dense.value', {macs: short(row.macs_if_dense), ratio: times(row.macs_if_dense / row.macs)})]);
	return list;
}

export function explain(row) {
	const list = [[t('fact.size'), `${shape(dims(row))} \u2192 ${shape(mapDims(row))}`]];
	if (row.formula) list.push([t('fact.formula'), row.formula]);
	if (row.kernel) {
		list.push([t('fact.kernel'), row.kernel.join('\u00d7')], [t('fact.stride'), pair(row.stride)]);
		list.push([t('fact.padding'), new Set(row.padding).size === 1 ? String(row.padding[0]) : row.padding.join(', ')]);
		if (row.dilation.some(d => d > 1)) list.push([t('fact.dilation'), pair(row.dilation)]);
		if (row.groups > 1) list.push([t('fact.groups'), whole(row.groups)]);
	}
	list.push([t('fact.field'), row.receptive_field ? t('fact.field.value', {field: row.receptive_field.join('\u00d7')}) : t('fact.field.all')]);
	list.push(...counts(row));
	if (row.fused_into) list.push([t('fact.fused'), t('fact.fused.value', {layer: row.fused_into})]);
	return [el('p', {class: 'does'}, does(row)),
		el('dl', {class: 'facts'}, ...list.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]))];
}
