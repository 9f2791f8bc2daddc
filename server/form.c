#include "server/form.h"
#include "server/request.h"

#include <string.h>

/* JPEG and PNG files begin with a byte that no text field of a form does. */
static bool looks_like_picture(const struct multipart_part *part)
{
	return part->len > 3 && (memcmp(part->bytes, "\xff\xd8\xff", 3) == 0 ||
	                         memcmp(part->bytes, "\x89PNG", 4) == 0);
}

/* Its part is a picture; a file field that its user left empty is not. False: there are too many. */
static bool add(struct request *r, const struct multipart_part *part, struct picture_bytes *picture,
                size_t *n, size_t max)
{
	if (part->empty_filename && part->len == 0)
		return true;
	if (*n == max) {
		reply_error(&r->reply, 400, "too_many_files",
		            "more than %zu picture%s in one request", max, max == 1 ? "" : "s");
		return false;
	}
	picture[(*n)++] = (struct picture_bytes){part->bytes, part->len};
	return true;
}

size_t form_pictures(struct request *r, struct picture_bytes *picture, size_t max,
                     bool (*on_field)(struct request *request, const struct multipart_part *part,
                                      void *ctx),
                     void *ctx)
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
		bool text = !part.has_filename && !part.is_image && !looks_like_picture(&part);
		if (text && on_field && !on_field(r, &part, ctx))
			return 0;
		if (!text && !add(r, &part, picture, &n, max))
			return 0;
	}
	if (status != CNN_OK)
		reply_error(&r->reply, 400, "bad_multipart", "%s", err.text);
	else if (n == 0)
		reply_error(&r->reply, 400, "no_picture", "no part of the form is a picture");
	return status == CNN_OK ? n : 0;
}
