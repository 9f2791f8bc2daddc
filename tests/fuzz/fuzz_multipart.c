/* fuzz_multipart.c - any bytes as a request with parts: a line with its Content-Type, then its body. */
#include "server/multipart.h"
#include "tests/fuzz/folder.h"

/* Every part lies in the body, behind the one before it. */
static void read_parts(const char *boundary, struct part body)
{
	size_t offset = 0, before = 0;
	for (bool found = true; found;) {
		struct multipart_part p;
		struct cnn_error err = {0};
		enum cnn_status status =
			multipart_next(body.bytes, body.len, boundary, &offset, &p, &found, &err);
		if (status) {
			check_refusal(status, &err);
			return;
		}
		if (!found)
			return;
		check(p.bytes >= body.bytes + before && p.len <= body.len);
		check((size_t)(p.bytes - body.bytes) + p.len == offset && offset > before);
		check(strlen(p.name) < sizeof p.name && (p.has_filename || !p.empty_filename));
		before = offset;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct part body = {bytes, len}, line = take_part(&body, '\n');
	char type[512], boundary[71];
	struct cnn_error err = {0};
	snprintf(type, sizeof type, "%.*s", (int)(line.len < 500 ? line.len : 500),
	         (const char *)line.bytes);
	if (!multipart_is(type))
		return 0;
	enum cnn_status status = multipart_boundary(type, boundary, &err);
	if (status) {
		check_refusal(status, &err);
		return 0;
	}
	check(boundary[0] && strlen(boundary) <= 70);
	read_parts(boundary, body);
	return 0;
}
