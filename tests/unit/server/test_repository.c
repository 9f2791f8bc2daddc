/* What is found in folders of models, and when it has changed. */
#include "server/repository.h"
#include "tests/test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];
static struct cnn_error err;

static const char *at(const char *name)
{
	static char path[4][512];
	static int next;
	char *out = path[next++ % 4];
	snprintf(out, sizeof path[0], "%s/%s", top, name);
	return out;
}

static void folder(const char *name)
{
	CHECK_INT(mkdir(at(name), 0777), 0);
}

static void file(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");
	CHECK(f && fputs(text, f) >= 0);
	if (f)
		fclose(f);
}

static void begin(void)
{
	strcpy(top, "/tmp/test_repository_XXXXXX");
	CHECK(mkdtemp(top));
}

static void end(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", top);
	CHECK_INT(system(command), 0);
}

static void look(struct arena *arena, size_t newest, struct repository_list *list)
{
	CHECK_INT(repository_list(top, newest, NULL, arena, list, &err), CNN_OK);
}

static void both_forms_are_found(void)
{
	struct arena *arena = arena_new();
	struct repository_list list;
	begin();
	folder("plain");
	file("plain/model.onnx", "x");
	folder("many");
	const char *const numbers[] = {"many/1",  "many/9", "many/10",
	                               "many/01", "many/x", "many/0"};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		char model[64];
		folder(numbers[i]);
		snprintf(model, sizeof model, "%s/model.onnx", numbers[i]);
		file(model, "x");
	}
	folder("many/11"); /* not there yet */
	file("many/model.onnx", "x");
	file("README", "x");
	look(arena, 1, &list);
	CHECK_INT(list.n, 2);
	CHECK_STR(list.model[0].name, "many");
	CHECK_INT(list.model[0].number, 10);
	CHECK_STR(list.model[0].path, at("many/10"));
	CHECK(list.model[0].stamp != 0 && !list.model[0].problem);
	CHECK_STR(list.model[1].name, "plain");
	CHECK_INT(list.model[1].number, 0);
	look(arena, 2, &list);
	CHECK_INT(list.n, 3);
	CHECK_INT(list.model[1].number, 9);
	look(arena, 0, &list);
	CHECK_INT(list.n, 4);
	CHECK_INT(list.model[2].number, 1);
	arena_free(arena);
	end();
}

static void names_are_checked(void)
{
	struct arena *arena = arena_new();
	struct repository_list list;
	char name[140];
	begin();
	folder("a b");
	file("a b/model.onnx", "x");
	folder(".git");
	folder("lost+found");
	folder("-x");
	folder("empty");
	memset(name, 'n', 129);
	name[129] = '\0';
	folder(name);
	look(arena, 1, &list);
	CHECK_INT(list.n, 4);
	for (size_t i = 0; i < list.n; i++) {
		CHECK(list.model[i].problem);
		CHECK_INT(list.model[i].stamp, 0);
	}
	CHECK_STR(list.model[0].name, "-x");
	CHECK(strstr(list.model[0].problem, "name"));
	CHECK(strstr(list.model[2].problem, "no model.onnx"));
	arena_free(arena);
	end();
}

static void a_folder_that_is_not_there_is_an_error(void)
{
	struct arena *arena = arena_new();
	struct repository_list list;
	CHECK_INT(repository_list("/no/such/folder", 1, NULL, arena, &list, &err), CNN_IO);
	CHECK(strstr(err.text, "/no/such/folder"));
	arena_free(arena);
}

static void stamps_follow_the_files(void)
{
	begin();
	folder("m");
	CHECK_INT(repository_stamp(at("x"), NULL), 0);
	file("m/model.onnx", "one");
	uint64_t first = repository_stamp(at("m"), NULL);
	CHECK_INT(repository_stamp(at("m"), NULL), first);
	CHECK(first != 0);
	file("m/.hidden", "x");
	CHECK_INT(repository_stamp(at("m"), NULL), first);
	file("m/labels.txt", "x");
	uint64_t labels = repository_stamp(at("m"), NULL);
	CHECK(labels != first);
	/* another file of the same size in its place */
	file("m/other", "two");
	CHECK_INT(rename(at("m/other"), at("m/model.onnx")), 0);
	CHECK(repository_stamp(at("m"), NULL) != labels);
	folder("m/weights");
	uint64_t before = repository_stamp(at("m"), NULL);
	file("m/weights/w.bin", "x");
	CHECK(repository_stamp(at("m"), NULL) != before);
	CHECK_INT(unlink(at("m/weights/w.bin")), 0);
	CHECK_INT(repository_stamp(at("m"), NULL), before);
	end();
}

static void a_file_counts_with_its_weights(void)
{
	begin();
	file("net.onnx", "x");
	uint64_t alone = repository_stamp(at("net.onnx"), NULL);
	file("other.onnx", "x");
	CHECK_INT(repository_stamp(at("net.onnx"), NULL), alone);
	file("net.onnx.data", "x");
	CHECK(repository_stamp(at("net.onnx"), NULL) != alone);
	end();
}

static void links_are_followed(void)
{
	struct arena *arena = arena_new();
	struct repository_list list;
	char outside[] = "/tmp/test_repository_out_XXXXXX", path[512];
	begin();
	CHECK(mkdtemp(outside));
	snprintf(path, sizeof path, "%s/model.onnx", outside);
	FILE *f = fopen(path, "w");
	CHECK(f);
	if (f)
		fclose(f);
	CHECK_INT(symlink(outside, at("linked")), 0);
	CHECK_INT(symlink(top, at("loop")), 0);
	CHECK_INT(symlink("/no/such/place", at("dangling")), 0);
	look(arena, 1, &list);
	CHECK_INT(list.n, 2);
	CHECK_STR(list.model[0].name, "linked");
	CHECK(!list.model[0].problem && list.model[0].stamp);
	CHECK_STR(list.model[1].name, "loop");
	CHECK(list.model[1].problem);
	unlink(path);
	rmdir(outside);
	arena_free(arena);
	end();
}

static void count_folder(void *ctx, const char *path)
{
	(void)path;
	++*(int *)ctx;
}

static void every_folder_is_visited(void)
{
	struct arena *arena = arena_new();
	struct repository_list list;
	int visited = 0;
	struct repository_visit visit = {count_folder, &visited};
	begin();
	folder("a");
	folder("a/1");
	CHECK_INT(repository_list(top, 1, &visit, arena, &list, &err), CNN_OK);
	/* the parent, the folder itself, a, a/1 */
	CHECK_INT(visited, 4);
	arena_free(arena);
	end();
}

TEST_MAIN({"both_forms_are_found", both_forms_are_found}, {"names_are_checked", names_are_checked},
          {"a_folder_that_is_not_there_is_an_error", a_folder_that_is_not_there_is_an_error},
          {"stamps_follow_the_files", stamps_follow_the_files},
          {"a_file_counts_with_its_weights", a_file_counts_with_its_weights},
          {"links_are_followed", links_are_followed},
          {"every_folder_is_visited", every_folder_is_visited})
