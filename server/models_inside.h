/* models_inside.h - what the files models_*.c share; models.h says what they do. */
#ifndef SERVER_MODELS_INSIDE_H
#define SERVER_MODELS_INSIDE_H
#include "server/loader.h"
#include "server/models.h"
#include "server/repository.h"
#include "server/watch.h"

struct models_wait;

struct models {
	struct server *server;
	struct loader *loader;
	struct watch *watch; /* NULL: off */
	bool unwatched;      /* it cannot see every folder, which was told */
	uv_timer_t timer;    /* until the next look, with --watch */
	bool starting;
	atomic_bool closing; /* what goes on is of no use any more */

	struct scan *scan; /* the look at the files that goes on; NULL: none */
	bool scan_again, force_again;
	uint64_t scans;      /* begun */
	uint64_t scans_done; /* number of the last one that ended */
	bool unsettled;      /* files were changing at the last look */

	struct load *load; /* the model that is being loaded; NULL: none */
	struct models_wait *waits;
};

/* A look at the files, made by the loader. */
struct scan {
	struct loader_task task;
	struct models *m;
	uint64_t number;
	bool force; /* load at once what changed, and again what failed */
	struct arena *arena;
	struct scan_argument {
		const char *name, *path;
		uint64_t stamp;
	} * argument; /* models of the command line */
	size_t n_arguments;
	struct repository_list list;
	enum cnn_status status; /* of reading the repository */
	struct cnn_error err, watch_err;
	bool unwatched; /* watch_err says which folder */
};

/* models_scan.c: take a look now, or once the present one has ended; models_apply() gets what was found. */
void models_look(struct models *m, bool force);
/* models.c */
void models_apply(struct models *m, const struct scan *scan);
/* A load ended: go on with what remains. */
void models_go_on(struct models *m);

/* When nothing goes on any more: tell the supervisor. */
void models_rest(struct models *m);

/* models_load.c: start to load the first entry that is due, unless one is being loaded. */
void models_load_next(struct models *m);
/* The object that takes a model away later, made before it is needed; NULL when memory runs out. */
struct retire *retire_new(struct models *m);
void retire_free(struct retire *retire); /* unused; NULL-safe */
/* Let a model that serves no new requests drain and free it then. `old` may be empty. The entry, when not NULL,
 * is UNLOADING until then. */
void models_retire(struct registry_entry *e, struct registry_model old);

/* models_wait.c: answer the requests whose model is loaded or has failed. */
void models_answer(struct models *m);
/* Whether a request waits for this look to load the model. */
bool models_is_awaited(const struct models *m, uint64_t scan, const char *name);

int64_t models_now_ms(void); /* since 1970 */

#endif
