/* recorder.h - what requests and workers did for some seconds, for a trace. Takes a bounded amount of memory, all
 * of it at the start; what does not fit is left out and counted. */
#ifndef SERVER_RECORDER_H
#define SERVER_RECORDER_H
#include "engine/base/types.h"

#include <stdio.h>

struct batch_job;
struct recorder;
struct request;

struct recorder *recorder_new(void); /* NULL when memory runs out */
void recorder_free(struct recorder *r);

/* On the loop thread; without a recorder nothing happens. */
void recorder_request(struct recorder *r, const struct request *request); /* it ends now */
/* It is back; `alone`: its request has no other. An id of NULL: nobody waits for it any more. */
void recorder_picture(struct recorder *r, const struct batch_job *job, const char *id,
                      const char *model, bool alone);

/* The whole trace. Any thread, when nothing is added any more. False: it could not be written. */
bool recorder_write(const struct recorder *r, FILE *out);

#endif
