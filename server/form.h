/* form.h - the pictures in a form, multipart/form-data, that a request has as its body. */
#ifndef SERVER_FORM_H
#define SERVER_FORM_H
#include "server/job.h"
#include "server/multipart.h"

struct request;

/* Find up to `max` pictures; on_field (may be NULL) gets the text fields, false: the reply says what is wrong with one.
 * Returns how many pictures; 0: the reply says why. */
size_t form_pictures(struct request *request, struct picture_bytes *picture, size_t max,
                     bool (*on_field)(struct request *request, const struct multipart_part *part,
                                      void *ctx),
                     void *ctx);

#endif
