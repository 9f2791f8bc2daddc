/* form.h - the pictures and the parameters in a form that a browser or curl -F sends. */
#ifndef SERVER_FORM_H
#define SERVER_FORM_H
#include "server/job.h"

struct request;

/* A text field that is a parameter. */
struct form_field {
	const char *name;
	const char **value; /* what the query said, or NULL; the field's text afterwards */
};

/* Find up to `max` pictures, which lie in the request's body, and the fields. How many pictures; 0: the reply says
 * what is wrong. Fields that are not asked for do not matter. */
size_t form_read(struct request *request, const struct form_field fields[], size_t n_fields,
                 struct picture_bytes picture[], size_t max);

#endif
