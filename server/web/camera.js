/* A picture from the camera: a video to look at and a shutter; on phones their own camera. */
import {at} from './dom.js';
import {t} from './text.js';

const onPhone = () => matchMedia('(pointer: coarse)').matches;

/* A JPEG, or null. `capture`: the file input that opens a phone's camera and tells of what it took by itself. Browsers
 * give the camera to pages of https and of localhost only. */
export async function takePicture(capture) {
	if (onPhone() || !navigator.mediaDevices?.getUserMedia) {
		capture.click();
		return null;
	}
	const dialog = at('camera-dialog'), video = at('video'), say = at('camera-say');
	say.textContent = t('camera.opening');
	dialog.showModal();
	let stream = null;
	try {
		stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment', width: {ideal: 1280}}});
		video.srcObject = stream;
		await video.play();
		say.textContent = '';
		return await shot(dialog, video);
	} catch (e) {
		say.textContent = t('camera.none', {why: e.message});
		await new Promise(resolve => dialog.addEventListener('close', resolve, {once: true}));
		return null;
	} finally {
		for (const track of stream?.getTracks() || []) track.stop();
		video.srcObject = null;
		if (dialog.open) dialog.close();
	}
}

function shot(dialog, video) {
	return new Promise(resolve => {
		dialog.addEventListener('close', () => resolve(null), {once: true});
		at('shutter').onclick = () => {
			const c = document.createElement('canvas');
			c.width = video.videoWidth;
			c.height = video.videoHeight;
			c.getContext('2d').drawImage(video, 0, 0);
			c.toBlob(resolve, 'image/jpeg', 0.92);
		};
	});
}
