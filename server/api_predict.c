#include "server/admission.h"
#include "server/api.h"
#include "server/form.h"
#include "server/model_status.h"
#include "server/multipart.h"
#include "server/request.h"

#include <string.h>

enum { DEFAULT_TOP = 5 };

/* The parameters as text; NULL: not given. */
struct parameters {
	const char *model, *top;
};

static const struct registry_model *find_model(struct request *r, const char *name)
{
	const struct server *s = r->server;
	if (s->registry.n_entries == 0) {
		reply_error(&r->reply, 503, "no_model", "%s",
		            s->no_model_reason ? s->no_model_reason : "no model is loaded");
		return NULL;
	}
	const struct registry_model *m = registry_find(&s->registry, name);
	if (!m) {
		model_status_reply(r, name, NULL);
	} else if (!cnn_model_info(m->model)->takes_pictures) {
		reply_error(&r->reply, 400, "model_takes_no_pictures",
		            "the input of model '%.100s' is not a picture", m->name);
		m = NULL;
	}
	return m;
}

/* Find the model and read `top`. NULL: the reply says why not. */
static const struct registry_model *resolve(struct request *r, const struct parameters *given,
                                            size_t *top)
{
	const struct registry_model *m = find_model(r, given->model);
	if (!m)
		return NULL;
	size_t classes = cnn_model_info(m->model)->classes;
	uint64_t value = classes < DEFAULT_TOP ? classes : DEFAULT_TOP;
	struct cnn_error err;
	if (given->top && parse_number("top", given->top, 1, classes, &value, &err) != CNN_OK) {
		request_bad_query(r, &err);
		return NULL;
	}
	*top = (size_t)value;
	return m;
}

void api_predict_begin(struct request *r)
{
	static const char *const known[] = {"model", "top", NULL};
	if (!request_query_only(r, known) || !admission_wishes(r))
		return;
	struct parameters given = {query_get(&r->query, "model"), query_get(&r->query, "top")};
	struct cnn_error err;
	char boundary[71];
	size_t top;
	if (multipart_is(r->content_type)) {
		/* The form's fields may name another model, so only the boundary can be checked now. */
		if (multipart_boundary(r->content_type, boundary, &err) != CNN_OK)
			reply_error(&r->reply, 400, "bad_multipart", "%s", err.text);
		else if (given.model || r->server->registry.n_entries == 0)
			resolve(r, &given, &top);
		if (!r->reply.status)
			admission_check(r, NULL, 1, r->body_expected);
		return;
	}
	const struct registry_model *m = resolve(r, &given, &top);
	if (m)
		admission_check(r, m, 1, r->body_expected);
}

void api_predict(struct request *r)
{
	struct parameters given = {query_get(&r->query, "model"), query_get(&r->query, "top")};
	if (r->body_len == 0) {
		reply_error(&r->reply, 400, "empty_body",
		            "the body is empty, a picture is expected");
		return;
	}
	size_t n = 1, max = (size_t)r->server->config->max_files;
	struct picture_bytes *picture = arena_alloc(r->arena, max, sizeof *picture);
	if (!picture) {
		reply_text(&r->reply, 503, NULL, NULL, 0);
		return;
	}
	const struct form_field fields[] = {{"model", &given.model}, {"top", &given.top}};
	if (multipart_is(r->content_type))
		n = form_read(r, fields, sizeof fields / sizeof fields[0], picture, max);
	else
		picture[0] = (struct picture_bytes){r->body, r->body_len};
	if (n == 0)
		return;
	if (n == 1 && picture[0].len == 0) {
		reply_error(&r->reply, 400, "empty_body",
		            "the file is empty, a picture is expected");
		return;
	}
	size_t top;
	const struct registry_model *m = resolve(r, &given, &top);
	if (m)
		prediction_start(r, m, top, picture, n, n > 1);
}
