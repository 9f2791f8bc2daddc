/* Where photos come from: a file, a drop, the clipboard, the camera, a sample. */
import {at} from './dom.js';
import {takePicture} from './camera.js';
import {state, tell} from './state.js';

/* The photo with its size; {blob, url} alone where the browser cannot show it: the server says what is wrong. */
export async function openPhoto(blob) {
	const photo = {blob, url: URL.createObjectURL(blob), width: 0, height: 0};
	const image = new Image();
	image.src = photo.url;
	try {
		await image.decode();
		Object.assign(photo, {image, width: image.naturalWidth, height: image.naturalHeight});
	} catch (e) { /* not for the browser */ }
	return photo;
}

let latest = 0;

export async function choose(blob) {
	const mine = ++latest;
	const photo = await openPhoto(blob);
	if (mine !== latest) return;
	if (state.photo) URL.revokeObjectURL(state.photo.url);
	state.photo = photo;
	state.answer = null;
	tell('photo');
}

export async function sample(name) {
	const reply = await fetch('web/sample-' + name + '.jpg');
	return new Blob([await reply.arrayBuffer()], {type: 'image/jpeg'});
}

const firstPicture = files => [...files].find(f => f.type.startsWith('image/')) || files[0];

function onDrops() {
	const stage = at('stage');
	for (const type of ['dragover', 'dragenter']) document.addEventListener(type, e => {
		e.preventDefault();
		stage.classList.add('over');
	});
	document.addEventListener('dragleave', e => {
		if (!e.relatedTarget) stage.classList.remove('over');
	});
	document.addEventListener('drop', e => {
		e.preventDefault();
		stage.classList.remove('over');
		if (e.dataTransfer.files.length) choose(firstPicture(e.dataTransfer.files));
	});
	document.addEventListener('paste', e => {
		if (e.clipboardData.files.length) choose(firstPicture(e.clipboardData.files));
	});
}

export function startPhotos() {
	for (const id of ['file', 'capture']) at(id).addEventListener('change', e => {
		if (e.target.files.length) choose(e.target.files[0]);
		e.target.value = '';
	});
	at('choose').onclick = () => at('file').click();
	at('camera').onclick = async () => {
		const blob = await takePicture(at('capture'));
		if (blob) choose(blob);
	};
	for (const button of document.querySelectorAll('#samples button'))
		button.onclick = async () => choose(await sample(button.dataset.sample));
	onDrops();
}
