/* The part of the photo that one element of a layer's output sees. */

/* {left, top, right, bottom} in the network's input pixels; null: all of it, or not known. */
function inInput(row, y, x) {
	const field = row.receptive_field, start = row.receptive_field_start, jump = row.jump;
	if (!field || !start || !jump || !field[0]) return null;
	const span = (i, n) => {
		const middle = start[i] + n * jump[i] + 0.5; /* from the first pixel's edge, not its middle */
		return [middle - field[i] / 2, middle + field[i] / 2];
	};
	const [top, bottom] = span(0, y), [left, right] = span(1, x);
	return {left, top, right, bottom};
}

/* The same in shares of the photo (0..1), cut at the part that the network sees. seen: that part in the photo's
 * pixels; input: [height, width] of the network's input. */
export function inPhoto(row, y, x, seen, input, photo) {
	const field = inInput(row, y, x) || {left: 0, top: 0, right: input[1], bottom: input[0]};
	const across = v => (seen.left + Math.max(0, Math.min(1, v / input[1])) * (seen.right - seen.left)) / photo.width;
	const down = v => (seen.top + Math.max(0, Math.min(1, v / input[0])) * (seen.bottom - seen.top)) / photo.height;
	return {left: across(field.left), right: across(field.right), top: down(field.top), bottom: down(field.bottom)};
}

export function place(e, {left, top, right, bottom}) {
	e.style.left = 100 * left + '%';
	e.style.top = 100 * top + '%';
	e.style.width = 100 * (right - left) + '%';
	e.style.height = 100 * (bottom - top) + '%';
}
