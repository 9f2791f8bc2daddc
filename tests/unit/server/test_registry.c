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
	if (model)
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

static struct cnn_model picture = {
	{.path = "p.onnx", .name = "p", .version = "1", .takes_pictures = true}, 0};
static struct cnn_model tensor = {{.path = "t.onnx", .name = "t", .version = "1"}, 0};
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

/* --- versions ------------------------------------------------------------------------------ */

static struct cnn_model third = {{.path = "3", .name = "m", .version = "3"}, 0};
static struct cnn_model tenth = {{.path = "10", .name = "m", .version = "10"}, 0};

static struct registry_entry *insert(const char *name, int64_t number)
{
	struct registry_entry *e = NULL;
	CHECK_INT(registry_insert(&registry, name, number, "path", &e, &err), CNN_OK);
	CHECK_INT(e->state, MODEL_UNAVAILABLE);
	return e;
}

static struct registry_model serve(struct registry_entry *e, struct cnn_model *model)
{
	struct registry_model served = {.model = cnn_model_ref(model)};
	return registry_serve(&registry, e, &served);
}

static void the_highest_version_that_is_ready_serves(void)
{
	struct registry_entry *ten = insert("m", 10), *three = insert("m", 3);
	struct registry_entry *other = insert("other", 1);
	CHECK(registry.entry[0] == ten && registry.entry[1] == three && registry.entry[2] == other);
	CHECK_INT(registry.n, 0);
	CHECK(!registry_find(&registry, "m"));
	CHECK(registry_look(&registry, "m") == ten);
	serve(three, &third);
	CHECK_INT(registry.n, 1);
	CHECK(registry_find(&registry, "m")->model == &third);
	CHECK(registry_look(&registry, "m") == three);
	serve(ten, &tenth);
	CHECK_INT(registry.n, 1);
	CHECK(registry_find(&registry, "m")->model == &tenth);
	CHECK(registry_find(&registry, "m:3")->model == &third);
	CHECK(registry_find(&registry, "m:10")->model == &tenth);
	CHECK(!registry_find(&registry, "m:4") && !registry_find(&registry, "other:1"));
	CHECK(registry_find_version(&registry, "m", "3")->model == &third);
	CHECK(!registry_find_version(&registry, "m", "03"));
	struct registry_model old = registry_withdraw(&registry, ten, MODEL_UNLOADING, "why");
	CHECK(old.model == &tenth && !ten->served.model);
	CHECK_STR(ten->reason, "why");
	CHECK(registry_find(&registry, "m")->model == &third);
	cnn_model_unref(old.model);
	registry_clear(&registry);
	CHECK_INT(third.references + tenth.references, 0);
}

static void a_new_model_takes_the_place_of_the_old_one(void)
{
	struct registry_entry *e = insert("m", 3);
	CHECK(!serve(e, &third).model);
	struct registry_model old = serve(e, &tenth);
	CHECK(old.model == &third);
	CHECK(registry_find(&registry, "m")->model == &tenth);
	CHECK_STR(registry_find(&registry, "m")->name, "m");
	cnn_model_unref(old.model);
	registry_clear(&registry);
	CHECK_INT(third.references + tenth.references, 0);
}

static void the_first_name_stays_the_first(void)
{
	struct registry_entry *junk = insert("junk", 0), *b = insert("b", 1), *a = insert("a", 1);
	b->wanted = a->wanted = true;
	serve(a, &tenth);
	/* that b is broken does not let a answer for it; a folder without a model does not count */
	CHECK(!registry_find(&registry, NULL));
	CHECK(registry_look(&registry, NULL) == b);
	serve(b, &third);
	CHECK(registry_find(&registry, NULL)->model == &third);
	registry_forget(&registry, junk);
	CHECK_INT(registry.n_entries, 2);
	registry_clear(&registry);
}

static void counters_outlive_a_version(void)
{
	struct registry_entry *one = insert("m", 1), *two = insert("m", 2);
	one->loads_good = 3;
	one->loads_failed = 1;
	two->loads_good = 1;
	registry_forget(&registry, one);
	CHECK_INT(two->loads_good, 4);
	CHECK_INT(two->loads_failed, 1);
	registry_clear(&registry);
}

TEST_MAIN({"models_are_found_by_name", models_are_found_by_name},
          {"a_name_is_given_once", a_name_is_given_once},
          {"a_failed_queue_leaves_nothing", a_failed_queue_leaves_nothing},
          {"long_lists_of_names_are_cut", long_lists_of_names_are_cut},
          {"the_highest_version_that_is_ready_serves", the_highest_version_that_is_ready_serves},
          {"a_new_model_takes_the_place_of_the_old_one",
           a_new_model_takes_the_place_of_the_old_one},
          {"the_first_name_stays_the_first", the_first_name_stays_the_first},
          {"counters_outlive_a_version", counters_outlive_a_version})
