#include "server/form.h"
#include "server/multipart.h"
#include "server/request.h"

#include <string.h>

/* JPEG and PNG files begin with a byte that no text field of a form does. */
static bool looks_like_picture(const struct multipart_part *part)
{
	return part->len > 3 && (memcmp(part->bytes, "\xff\xd8\xff", 3) == 0 ||
	                         memcmp(part->bytes, "\x89PNG", 4) == 0);
}

/* A text field that is a parameter. false: the reply says what is wrong with it. */
static bool take_field(struct request *r, const struct multipart_part *part,
                       const struct form_field fields[], size_t n)
{
	const char **to = NULL;
	for (size_t i = 0; i < n; i++)
		to = strcmp(part->name, fields[i].name) == 0 ? fields[i].value : to;
	if (!to)
		return true; /* other fields of the form are not ours */
	if (*to) {
		reply_error(&r->reply, 400, "bad_query", "parameter '%s' is given twice",
		            part->name);
		return false;
	}
	*to = arena_strndup(r->arena, (const char *)part->bytes, part->len);
	if (!*to)
		reply_text(&r->reply, 503, NULL, NULL, 0);
	return *to != NULL;
}

size_t form_read(struct request *r, const struct form_field fields[], size_t n_fields,
                 struct picture_bytes picture[], size_t max)
{
	struct cnn_error err;
	char boundary[71];
	enum cnn_status status = multipart_boundary(r->content_type, boundary, &err);
	size_t n = 0, offset = 0;
	struct multipart_part part;
	for (bool found = true; status == CNN_OK && found;) {
		status = multipart_next(r->body, r->body_len, boundary, &offset, &part, &found,
		                        &err);
		if (status != CNN_OK || !found)
			break;
		if (!part.has_filename && !part.is_image && !looks_like_picture(&part)) {
			if (!take_field(r, &part, fields, n_fields))
				return 0;
		} else if (!(part.empty_filename && part.len == 0)) {
			/* A file field left empty by its user was skipped above. */
			if (n == max) {
				reply_error(&r->reply, 400, "too_many_files",
				            "more than %zu pictures in one request", max);
				return 0;
			}
			picture[n++] = (struct picture_bytes){part.bytes, part.len};
		}
	}
	if (status != CNN_OK)
		reply_error(&r->reply, 400, "bad_multipart", "%s", err.text);
	else if (n == 0)
		reply_error(&r->reply, 400, "no_picture", "no part of the form is a picture");
	return status == CNN_OK ? n : 0;
}
