/* What the page shows, and who wants to know when it changes.
 *
 *	models     the list of models is there        photo      another photo was chosen
 *	model      another model was chosen           predicted  its classes are known
 *	layers     the model's layers are there       layer      a layer was opened
 *	language   all text must be written anew */
export const state = {
	server: {},    /* what web/server.json says */
	models: [],
	model: null,   /* one of models */
	layers: [],
	totals: null,
	layer: null,   /* one of layers */
	photo: null,   /* {blob, url, width, height} */
	answer: null,  /* of /predict */
};

const listeners = new Map();

export function on(events, listener) {
	for (const event of events.split(' ')) {
		if (!listeners.has(event)) listeners.set(event, []);
		listeners.get(event).push(listener);
	}
}

export function tell(event, detail) {
	for (const listener of listeners.get(event) || []) listener(detail);
}
