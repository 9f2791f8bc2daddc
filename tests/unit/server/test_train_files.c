#include "server/commands/train_files.h"
#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char dir[64];

static void make_dir(void)
{
	strcpy(dir, "/tmp/convd-test-XXXXXX");
	CHECK(mkdtemp(dir));
}

static const char *in(const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static size_t entries(void)
{
	size_t n = 0;
	DIR *d = opendir(dir);
	CHECK(d);
	for (const struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void check_content(const char *name, const char *want)
{
	size_t len;
	uint8_t *bytes = test_read(in(name), &len);
	CHECK_INT(len, strlen(want));
	CHECK(memcmp(bytes, want, len) == 0);
	free(bytes);
}

static void remove_dir(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	CHECK_INT(system(command), 0);
}

static void a_file_is_written_and_replaced(void)
{
	struct cnn_error err = {0};
	make_dir();
	CHECK(!train_has_file(dir, "a"));
	CHECK_INT(train_write_file(dir, "a", "one", 3, &err), CNN_OK);
	CHECK(train_has_file(dir, "a"));
	check_content("a", "one");
	CHECK_INT(train_write_file(dir, "a", "", 0, &err), CNN_OK);
	check_content("a", "");
	/* what a killed process left is in nobody's way */
	CHECK_INT(train_write_file(dir, "a.new", "left over", 9, &err), CNN_OK);
	CHECK_INT(train_write_file(dir, "a", "three", 5, &err), CNN_OK);
	check_content("a", "three");
	CHECK_INT(entries(), 1);
	remove_dir();
}

/* A limit on the size of files stands for a full disk. */
static void a_failed_write_leaves_what_was_there(void)
{
	enum { LARGE = 100000 };
	static char large[LARGE];
	struct cnn_error err = {0};
	make_dir();
	CHECK_INT(train_write_file(dir, "a", "before", 6, &err), CNN_OK);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, RLIM_INFINITY}), 0);
	CHECK_INT(train_write_file(dir, "a", large, LARGE, &err), CNN_IO);
	CHECK(strncmp(err.text, in("a"), strlen(in("a"))) == 0);
	check_content("a", "before");
	CHECK_INT(entries(), 1);
	remove_dir();
}

static void errors_name_the_file(void)
{
	struct cnn_error err = {0};
	char want[512];
	make_dir();
	CHECK_INT(train_write_file(in("none"), "a", "x", 1, &err), CNN_IO);
	snprintf(want, sizeof want, "%s/none/a: %s", dir, strerror(ENOENT));
	CHECK_STR(err.text, want);
	/* a folder is in the way */
	CHECK_INT(mkdir(in("b"), 0777), 0);
	CHECK_INT(train_write_file(dir, "b", "x", 1, &err), CNN_IO);
	CHECK(strstr(err.text, "/b: "));
	CHECK_INT(entries(), 1);
	remove_dir();
}

static void folders_are_made(void)
{
	struct cnn_error err = {0};
	char path[256], file[256];
	make_dir();
	snprintf(path, sizeof path, "%s//x/y/z/", dir);
	CHECK_INT(train_make_folder(path, &err), CNN_OK);
	CHECK_INT(train_make_folder(path, &err), CNN_OK);
	CHECK(train_has_file(in("x/y"), "z"));
	CHECK_INT(train_write_file(dir, "file", "x", 1, &err), CNN_OK);
	snprintf(file, sizeof file, "%s/file", dir);
	CHECK_INT(train_make_folder(file, &err), CNN_IO);
	CHECK(strstr(err.text, "/file: "));
	snprintf(file, sizeof file, "%s/file/deeper", dir);
	CHECK_INT(train_make_folder(file, &err), CNN_IO);
	CHECK_INT(chdir(dir), 0);
	CHECK_INT(train_make_folder("relative/path", &err), CNN_OK);
	CHECK_INT(train_make_folder(".", &err), CNN_OK);
	CHECK_INT(train_make_folder("/", &err), CNN_OK);
	CHECK(train_has_file(in("relative"), "path"));
	remove_dir();
}

static void a_folder_is_locked_once(void)
{
	struct cnn_error err = {0};
	int first = -1, second = -1;
	char want[512];
	make_dir();
	CHECK_INT(train_lock_folder(dir, &first, &err), CNN_OK);
	CHECK_INT(train_lock_folder(dir, &second, &err), CNN_IO);
	snprintf(want, sizeof want, "output folder %s is in use by another convd train", dir);
	CHECK_STR(err.text, want);
	CHECK_INT(second, -1);
	close(first);
	CHECK_INT(train_lock_folder(dir, &second, &err), CNN_OK);
	close(second);
	CHECK_INT(train_lock_folder(in("none"), &second, &err), CNN_IO);
	remove_dir();
}

TEST_MAIN({"a_file_is_written_and_replaced", a_file_is_written_and_replaced},
          {"a_failed_write_leaves_what_was_there", a_failed_write_leaves_what_was_there},
          {"errors_name_the_file", errors_name_the_file}, {"folders_are_made", folders_are_made},
          {"a_folder_is_locked_once", a_folder_is_locked_once})
