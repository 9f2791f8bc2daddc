/* view_inside.h - a look into a network as its thread sees it; view.h says what it is. */
#ifndef SERVER_VIEW_INSIDE_H
#define SERVER_VIEW_INSIDE_H
#include "server/loader.h"
#include "server/view.h"
#include "server/viewers.h"

/* Of an answer's numbers. */
#define VIEW_ANSWER_BYTES ((size_t)64 << 20)
/* The same as JSON, which takes many times as much while it is written. */
#define VIEW_JSON_BYTES ((size_t)4 << 20)

enum { VIEW_HEADERS = 4 };

/* Made by the thread; the loop hands it to the request. */
struct view_answer {
	unsigned status;
	const char *code; /* of an error, whose text is `error`; NULL: there is a body */
	struct cnn_error error;
	const char *content_type;
	char *body; /* from malloc() */
	size_t len;
	struct view_header {
		const char *name;
		char *value; /* from malloc() */
	} header[VIEW_HEADERS];
	size_t n_headers;
};

struct view {
	struct loader_task task;
	struct views *views;
	struct request *request;   /* NULL: nobody waits */
	struct cnn_model *model;   /* holds one reference */
	struct batch_queue *queue; /* held, so that whoever ends it frees the model */
	char *name;                /* as served */
	struct view_ask ask;
	struct cnn_item item; /* of `pixels` */
	struct image pixels;  /* the picture, fitted */
	struct image_header picture;
	uint8_t *body;
	size_t body_capacity;
	atomic_bool abandoned;
	uint64_t started_ns, deadline_ns;
	uint64_t began_ns, decoded_ns, run_ns, ended_ns; /* on the thread; 0: not yet */
	struct view_answer answer;
};

struct views {
	struct server *server;
	struct loader *loader;
	struct viewers *viewers; /* the thread's */
	size_t n;                /* alive */
	uv_async_t news;
	uv_timer_t sweep; /* closes what nobody looks at */
	size_t handles;
	struct sweep_task {
		struct loader_task task;
		struct views *views;
		bool under_way;
	} sweep_task;
	pthread_mutex_t lock; /* of the next lines */
	struct view *running;
	size_t done, total; /* of the one that runs */
};

/* --- on the thread: each makes the answer, also one that says what is wrong ------------------------------ */

void view_filters(struct view *view);
void view_activations(struct view *view);
void view_input(struct view *view);
void view_strip(struct view *view);
void view_explain(struct view *view);

/* Decode and fit the picture. False: the answer says why not. */
bool view_decode(struct view *view);
/* The model's viewer; NULL: the answer says why there is none. */
struct see *view_open(struct view *view);

void view_fail(struct view *view, unsigned status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* What the engine says. */
void view_fail_status(struct view *view, enum cnn_status status, const struct cnn_error *err);
void view_answer_png(struct view *view, const struct image *picture);
/* `json` is taken over; NULL: memory ran out. */
void view_answer_json(struct view *view, json_t *json);
/* `floats` comes from malloc() and is taken over. */
void view_answer_floats(struct view *view, float *floats, size_t n);
void view_header(struct view *view, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void view_header_numbers(struct view *view, const char *name, const uint32_t *number, size_t n);

/* On the loop: the one that runs has come so far. */
void view_tell_progress(struct view *view, size_t done, size_t total);
/* From an explanation's run. False: it is of no use any more. */
bool view_progress(void *view, size_t done, size_t total);

/* A layer's output, or one of the same shape, as maps. */
void view_shape(const struct cnn_shape *shape, size_t *channels, size_t *height, size_t *width);
/* Are the chosen ones there, each of so many bytes, and not too many? False: the answer says what is wrong. */
bool view_check_choice(struct view *view, const char *what, size_t n, size_t bytes);

#endif
