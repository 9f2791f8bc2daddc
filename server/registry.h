/* registry.h - the models that are known, by name and version, and those of them that are served. Loop thread only.
 *
 * An entry is a version of a model; it has a state. What is served of a name is its highest version that is
 * READY: that is what `model` lists. Requests refer to an entry's model and queue, never to the entry, so that a
 * new model can take its place while they run. */
#ifndef SERVER_REGISTRY_H
#define SERVER_REGISTRY_H
#include "engine/cnn.h"
#include "server/batcher.h"

struct retire;

struct registry_model {
	const char *name;
	struct cnn_model *model; /* holds one reference */
	struct batch_queue *queue;
	struct retire
		*retire; /* what will take it away; NULL: nothing does while the server runs */
};

enum model_state {
	MODEL_LOADING,   /* for the first time; a reload leaves it READY */
	MODEL_READY,     /* served.model is there */
	MODEL_UNLOADING, /* requests still use it, new ones do not */
	MODEL_UNAVAILABLE,
};
const char *model_state_name(enum model_state state); /* "READY" */

struct registry_entry {
	struct registry_model served; /* .model is NULL unless READY */
	char *name;
	int64_t number;       /* of the version's folder; 0: it has none */
	char version[128];    /* the number, else what the model says; "" before it was loaded */
	char *path;           /* what is loaded */
	bool from_repository; /* else from the command line */
	enum model_state state;
	char reason[512]; /* why it is not READY */

	int64_t loaded_at_ms;  /* since 1970; 0: never */
	char last_error[512];  /* of the last load, when that failed; else empty */
	int64_t last_error_ms; /* since 1970 */
	uint64_t loads_good, loads_failed;

	/* of models.c */
	uint64_t stamp;           /* of the files when they were last loaded or tried */
	uint64_t seen, seen_ns;   /* the stamp that --watch saw first then */
	bool listed, missing;     /* its folder is there; no model is in it */
	bool wanted;              /* its files are there and it is among the newest */
	bool held;                /* unloaded by hand: only loaded by hand */
	bool due;                 /* to be loaded */
	uint64_t due_stamp;       /* by what was found then */
	bool loading;             /* on the loader's thread */
	const struct retire *old; /* that makes it UNLOADING */
};

struct registry {
	struct registry_model
		*model; /* the served ones: one for each name, in the order the names came */
	size_t n;
	struct registry_entry **entry; /* all, highest version of a name first */
	size_t n_entries;
};

/* Make a queue for the model and serve it as `name` (NULL: the model's own). Two models of one name are an
 * error that says how to tell them apart. */
enum cnn_status registry_add(struct registry *r, struct batcher *b, const char *name,
                             struct cnn_model *model, struct cnn_error *err);

/* The served version of a name; of "NAME:VERSION" that version, when it is served. NULL when there is none. A NULL
 * name means the first one that came and has a model; that it fails does not let another answer in its place. */
const struct registry_model *registry_find(const struct registry *r, const char *name);
const struct registry_model *registry_find_version(const struct registry *r, const char *name,
                                                   const char *version);
/* What is known of a name (or "NAME:VERSION", or NULL, as above), served or not: the served entry, else the
 * highest version. */
const struct registry_entry *registry_look(const struct registry *r, const char *name);
/* The names that are served, "a, b, c", cut with "..." when they do not fit. */
void registry_names(const struct registry *r, char *out, size_t size);

/* --- changes ---------------------------------------------------------------------------- */

struct registry_entry *registry_entry(const struct registry *r, const char *name, int64_t number);
/* A new entry, UNAVAILABLE. */
enum cnn_status registry_insert(struct registry *r, const char *name, int64_t number,
                                const char *path, struct registry_entry **out,
                                struct cnn_error *err);
/* Let the entry serve this (its name is filled in), and return what it served before, which the caller
 * takes away. A NULL model: nothing any more, in the given state and for this reason. */
struct registry_model registry_serve(struct registry *r, struct registry_entry *e,
                                     const struct registry_model *served);
struct registry_model registry_withdraw(struct registry *r, struct registry_entry *e,
                                        enum model_state state, const char *reason);
/* Forget an entry that serves nothing. */
void registry_forget(struct registry *r, struct registry_entry *e);
void registry_clear(struct registry *r);

#endif
