/* context.h - what the parts of one running server share. Loop thread only, but for done_lock and done. */
#ifndef SERVER_CONTEXT_H
#define SERVER_CONTEXT_H
#include "server/batcher.h"
#include "server/config.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/model_stats.h"
#include "server/registry.h"

#include <pthread.h>
#include <uv.h>

struct access_log;
struct cors;
struct http;
struct infer_item;
struct job;
struct recorder;
struct key_list;
struct models;
struct notify;
struct tls_identity;
struct views;

struct server {
	const struct config *config;
	const char *no_model_reason;
	const struct log *log;
	struct access_log *access; /* NULL: no request is logged */
	struct recorder *recorder; /* of the trace that is being taken; NULL: none */
	bool tracing;              /* its answer is not out yet */
	uv_loop_t loop;
	struct http *http;
	struct batcher *batcher;
	struct registry registry;
	struct models *models; /* what changes the registry */
	struct notify *notify; /* NULL: no supervisor wants to know */
	struct views *views;   /* NULL: nobody may look into networks */
	struct metrics metrics;
	struct model_stats *model_stats;
	struct tls_identity *identity; /* NULL: plain HTTP */
	struct key_list *keys;         /* NULL: everyone may ask */
	struct cors *cors;             /* NULL: pages of other origins read nothing */
	uint64_t started_ns;           /* monotonic clock */
	bool draining;

	uint64_t requests;       /* that have come */
	size_t in_flight;        /* requests, from the first line to the answer's last byte */
	size_t body_bytes;       /* memory that request bodies hold */
	size_t body_bytes_limit; /* beyond it new bodies are refused */
	size_t answer_bytes;     /* memory of looks' answers that are not sent yet */
	size_t infer_work;       /* parts of inference requests on the thread pool */
	size_t predictions;      /* alive, also those that nobody waits for any more */

	uv_async_t wake; /* sent after a push to `done` */
	pthread_mutex_t done_lock;
	struct job *done;               /* finished by the workers, newest first */
	struct infer_item *infers_done; /* likewise */
};

#endif
