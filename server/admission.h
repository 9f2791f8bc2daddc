/* admission.h - which requests may come in while there are more than can be answered. Loop thread only.
 *
 * It is asked when a request's header is in, so that a refusal does not wait for the body, and again when its
 * pictures are to be queued. */
#ifndef SERVER_ADMISSION_H
#define SERVER_ADMISSION_H
#include "server/context.h"

struct request;

/* Keep what the client wishes: X-Request-Timeout-Ms, X-Request-Priority. Other headers are ignored. */
void admission_header(struct request *request, const char *name, const char *value);
/* False: the reply says which of them is malformed. */
bool admission_wishes(struct request *request);

/* May n pictures of so many bytes in all wait for the model (NULL: it is not known yet), and will they be answered
 * in time? False: the reply refuses with 503 and Retry-After. */
bool admission_check(struct request *request, const struct registry_model *model, size_t n,
                     size_t bytes);
void admission_refuse(struct request *request, enum metric_reject why, size_t n,
                      unsigned retry_seconds);

/* When an answer is too late, --predict-timeout-ms after `started_ns` or earlier, when the client says so. */
uint64_t admission_deadline(const struct request *request, uint64_t started_ns);

#endif
