#include "server/multipart.h"
#include "tests/test.h"

static size_t offset;

/* Each body is copied to memory of its exact size, so that a sanitizer sees a read past its end. */
static enum cnn_status next_of(const char *body, size_t len, struct multipart_part *part,
                               bool *found)
{
	struct cnn_error err;
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, body, len);
	enum cnn_status status = multipart_next(copy, len, "BB", &offset, part, found, &err);
	if (status == CNN_OK && *found)
		part->bytes = (const uint8_t *)body + (part->bytes - copy);
	free(copy);
	return status;
}

static enum cnn_status next(const char *body, struct multipart_part *part, bool *found)
{
	return next_of(body, strlen(body), part, found);
}

static void the_boundary_is_found(void)
{
	char b[71];
	struct cnn_error err;
	CHECK(multipart_is("multipart/form-data; boundary=x"));
	CHECK(multipart_is("Multipart/Form-Data"));
	CHECK(!multipart_is("multipart/form-database"));
	CHECK(!multipart_is("multipart/mixed"));
	CHECK(!multipart_is(NULL));
	CHECK_INT(multipart_boundary("multipart/form-data; boundary=x-1", b, &err), CNN_OK);
	CHECK_STR(b, "x-1");
	CHECK_INT(multipart_boundary("multipart/form-data;a=b; BOUNDARY=\"x y;\" ; c=d", b, &err),
	          CNN_OK);
	CHECK_STR(b, "x y;");
	CHECK_INT(multipart_boundary("multipart/form-data; boundary=x ; c=d", b, &err), CNN_OK);
	CHECK_STR(b, "x");
	CHECK_INT(multipart_boundary("multipart/form-data", b, &err), CNN_BAD_ARG);
	CHECK_INT(multipart_boundary("multipart/form-data; boundary=", b, &err), CNN_BAD_ARG);
	CHECK_INT(multipart_boundary("multipart/form-data; boundary=\"", b, &err), CNN_BAD_ARG);
	char text[128] = "multipart/form-data; boundary=";
	memset(text + strlen(text), 'a', 70);
	CHECK_INT(multipart_boundary(text, b, &err), CNN_OK);
	CHECK_INT(strlen(b), 70);
	strcat(text, "a");
	CHECK_INT(multipart_boundary(text, b, &err), CNN_BAD_ARG);
}

static void parts_are_found_in_order(void)
{
	const char *body =
		"--BB\r\nContent-Disposition: form-data; name=\"top\"\r\n\r\n3\r\n"
		"--BB\r\ncontent-type: image/png\r\n"
		"content-disposition: form-data; filename=\"a\\\"b.png\"; name=image\r\n\r\n"
		"x\r\n--B\r\ny\r\n"
		"--BB  \r\nContent-Disposition: form-data; name=e; filename=\"\"\r\n\r\n\r\n"
		"--BB--\r\n";
	struct multipart_part part;
	bool found;
	CHECK_INT(next(body, &part, &found), CNN_OK);
	CHECK(found && !part.has_filename && !part.is_image);
	CHECK_STR(part.name, "top");
	CHECK(part.len == 1 && part.bytes[0] == '3');
	CHECK_INT(next(body, &part, &found), CNN_OK);
	CHECK(found && part.has_filename && !part.empty_filename && part.is_image);
	CHECK_STR(part.name, "image");
	CHECK(part.len == 9 && memcmp(part.bytes, "x\r\n--B\r\ny", 9) == 0);
	CHECK_INT(next(body, &part, &found), CNN_OK);
	CHECK(found && part.has_filename && part.empty_filename);
	CHECK_INT(part.len, 0);
	CHECK_INT(next(body, &part, &found), CNN_OK);
	CHECK(!found);
}

static void a_preamble_is_skipped(void)
{
	const char *body =
		"hello\r\n--BB\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n--BB--";
	struct multipart_part part;
	bool found;
	CHECK_INT(next(body, &part, &found), CNN_OK);
	CHECK(found && part.len == 1);
	CHECK_INT(next(body, &part, &found), CNN_OK);
	CHECK(!found);
}

static void malformed_bodies_are_refused(void)
{
	const char *const bad[] = {
		"",
		"abc",
		"--BB",
		"--BB\r\n",
		"--BB\r\n\r\n",
		"--BBx\r\nContent-Disposition: form-data\r\n\r\nv\r\n--BB--",
		"--BB\r\nContent-Disposition: form-data; name=a\r\n",
		"--BB\r\nContent-Disposition: form-data; name=a\r\n\r\nv",
		"--BB\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n--B",
		"--BB\r\nContent-Type: image/png\r\n\r\nv\r\n--BB--",
		"--BB\r\n\r\nv\r\n--BB--",
		("--BB\r\nContent-Disposition: form-data; name=a\r\n"
	         "Content-Transfer-Encoding: base64\r\n\r\nv\r\n--BB--"),
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct multipart_part part;
		bool found;
		offset = 0;
		CHECK_INT(next(bad[i], &part, &found), CNN_BAD_ARG);
	}
}

/* However a good body is cut, the parts that are given lie inside it and the end is an error. */
static void every_cut_is_noticed(void)
{
	const char *body =
		"--BB\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n"
		"data\r\n--BB\r\nContent-Disposition: form-data; name=g\r\n\r\n\r\n--BB--";
	size_t len = strlen(body);
	for (size_t cut = 0; cut < len; cut++) {
		struct multipart_part part;
		bool found = true;
		enum cnn_status status = CNN_OK;
		for (offset = 0; status == CNN_OK && found;) {
			status = next_of(body, cut, &part, &found);
			CHECK(status != CNN_OK || !found ||
			      (const char *)part.bytes + part.len <= body + cut);
		}
		CHECK_INT(status, CNN_BAD_ARG);
	}
}

TEST_MAIN({"the_boundary_is_found", the_boundary_is_found},
          {"parts_are_found_in_order", parts_are_found_in_order},
          {"a_preamble_is_skipped", a_preamble_is_skipped},
          {"malformed_bodies_are_refused", malformed_bodies_are_refused},
          {"every_cut_is_noticed", every_cut_is_noticed})
