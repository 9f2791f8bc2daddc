/* prediction.h - the pictures of one request as job.c and job_reply.c see them; job.h says what they do. */
#ifndef SERVER_PREDICTION_H
#define SERVER_PREDICTION_H
#include "server/context.h"
#include "server/model_json.h"

struct request;

struct job {
	struct batch_job batch;
	struct prediction *owner;
	struct job *next_done;
	const uint8_t *bytes;
	size_t len;
	struct image pixels;
	struct image_header header;
	bool finished;

	/* Why there is no answer; code NULL: there is one. */
	const char *code;
	unsigned http_status;
	struct cnn_error error;
};

struct prediction {
	struct server *server;
	struct request *request;   /* NULL: nobody waits */
	struct cnn_model *model;   /* holds one reference */
	char *name;                /* as served */
	struct batch_queue *queue; /* held */
	size_t top, n, unfinished;
	bool listed;
	enum metric_outcome given_up; /* how pictures that nobody waits for are counted */
	uint8_t *body;
	size_t body_capacity;
	float *scores;
	uint64_t started_ns, deadline_ns;
	struct job job[];
};

/* The picture's times so far; those of a run only when it is done. */
struct prediction_timing job_timing(const struct job *j);

/* Set the waiting request's reply from what the jobs hold. Each has its answer or its `code`. */
void prediction_set_reply(const struct prediction *p);

#endif
