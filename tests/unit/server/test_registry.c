/* The registry with models and a batcher of this file's own: it uses only their names and references. */
#include "server/registry.h"
#include "tests/test.h"

struct cnn_model {
	struct cnn_model_info info;
	int references;
};

static int queues;
static bool queue_fails;

const struct cnn_model_info *cnn_model_info(const struct cnn_model *model)
{
	return &model->info;
}

struct cnn_model *cnn_model_ref(struct cnn_model *model)
{
	model->references++;
	return model;
}

void cnn_model_unref(struct cnn_model *model)
{
	model->references--;
}

enum cnn_status batcher_add_model(struct batcher *b, struct cnn_model *model,
                                  struct batch_queue **out, struct cnn_error *err)
{
	(void)b;
	(void)model;
	if (queue_fails)
		return cnn_fail(err, CNN_NO_MEMORY, "no queue");
	queues++;
	*out = (struct batch_queue *)&queues;
	return CNN_OK;
}

static struct cnn_model picture = {{.path = "p.onnx", .name = "p", .takes_pictures = true}, 0};
static struct cnn_model tensor = {{.path = "t.onnx", .name = "t"}, 0};
static struct registry registry;
static struct cnn_error err;

static void models_are_found_by_name(void)
{
	CHECK(registry_find(&registry, NULL) == NULL);
	CHECK_INT(registry_add(&registry, NULL, NULL, &picture, &err), CNN_OK);
	CHECK_INT(registry_add(&registry, NULL, "other", &picture, &err), CNN_OK);
	CHECK_INT(registry_add(&registry, NULL, NULL, &tensor, &err), CNN_OK);
	CHECK_INT(registry.n, 3);
	CHECK_INT(queues, 3);
	CHECK_STR(registry_find(&registry, NULL)->name, "p");
	CHECK_STR(registry_find(&registry, "other")->name, "other");
	CHECK(registry_find(&registry, "t")->queue != NULL);
	CHECK(registry_find(&registry, "x") == NULL);
	CHECK_INT(picture.references, 2);
	registry_clear(&registry);
	CHECK_INT(picture.references, 0);
	CHECK_INT(tensor.references, 0);
	CHECK_INT(registry.n, 0);
}

static void a_name_is_given_once(void)
{
	CHECK_INT(registry_add(&registry, NULL, "a", &picture, &err), CNN_OK);
	CHECK_INT(registry_add(&registry, NULL, "a", &tensor, &err), CNN_BAD_ARG);
	CHECK(strstr(err.text, "t.onnx") && strstr(err.text, "NAME=PATH"));
	CHECK_INT(registry_add(&registry, NULL, "", &tensor, &err), CNN_BAD_ARG);
	CHECK_INT(registry.n, 1);
	registry_clear(&registry);
}

static void a_failed_queue_leaves_nothing(void)
{
	queue_fails = true;
	CHECK_INT(registry_add(&registry, NULL, NULL, &picture, &err), CNN_NO_MEMORY);
	CHECK_INT(registry.n, 0);
	CHECK_INT(picture.references, 0);
	registry_clear(&registry);
}

static void long_lists_of_names_are_cut(void)
{
	char names[32];
	registry_names(&registry, names, sizeof names);
	CHECK_STR(names, "");
	CHECK_INT(registry_add(&registry, NULL, "first", &tensor, &err), CNN_OK);
	CHECK_INT(registry_add(&registry, NULL, "second", &tensor, &err), CNN_OK);
	registry_names(&registry, names, sizeof names);
	CHECK_STR(names, "first, second");
	CHECK_INT(registry_add(&registry, NULL, "a very long name", &tensor, &err), CNN_OK);
	registry_names(&registry, names, sizeof names);
	CHECK_STR(names, "first, second, ...");
	registry_clear(&registry);
}

TEST_MAIN({"models_are_found_by_name", models_are_found_by_name},
          {"a_name_is_given_once", a_name_is_given_once},
          {"a_failed_queue_leaves_nothing", a_failed_queue_leaves_nothing},
          {"long_lists_of_names_are_cut", long_lists_of_names_are_cut})
