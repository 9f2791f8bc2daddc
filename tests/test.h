/* test.h - a test is a function; each runs in a process of its own, so that a crash fails one.
 *
 *	static void add_sums(void) { CHECK(1 + 1 == 2); CHECK_STR(text, "two"); }
 *	TEST_MAIN({"add_sums", add_sums})
 *
 * A program prints what failed and, last, "N passed, N failed, N skipped". Its arguments
 * are the names of the tests to run (none: all). CONVD_TEST_NO_FORK=1 runs them in one
 * process, for a debugger. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct test {
	const char *name;
	void (*run)(void);
};

enum { TEST_EXIT_FAILED = 1, TEST_EXIT_SKIPPED = 77 };

/* Fail: the test ends here. */
#define CHECK(cond)                                                                       \
	do {                                                                              \
		if (!(cond)) {                                                            \
			fprintf(stderr, "%s:%d: CHECK(%s)\n", __FILE__, __LINE__, #cond); \
			exit(TEST_EXIT_FAILED);                                           \
		}                                                                         \
	} while (0)

#define CHECK_INT(got, want)                                                                  \
	do {                                                                                  \
		long long got_ = (long long)(got), want_ = (long long)(want);                 \
		if (got_ != want_) {                                                          \
			fprintf(stderr, "%s:%d: %s is %lld, want %lld\n", __FILE__, __LINE__, \
			        #got, got_, want_);                                           \
			exit(TEST_EXIT_FAILED);                                               \
		}                                                                             \
	} while (0)

#define CHECK_STR(got, want)                                                                      \
	do {                                                                                      \
		const char *got_ = (got), *want_ = (want);                                        \
		if (!got_ || strcmp(got_, want_) != 0) {                                          \
			fprintf(stderr, "%s:%d: %s is \"%s\", want \"%s\"\n", __FILE__, __LINE__, \
			        #got, got_ ? got_ : "(null)", want_);                             \
			exit(TEST_EXIT_FAILED);                                                   \
		}                                                                                 \
	} while (0)

#define CHECK_NEAR(got, want, tolerance)                                                      \
	do {                                                                                  \
		double got_ = (double)(got), want_ = (double)(want);                          \
		if (!(fabs(got_ - want_) <= (tolerance))) {                                   \
			fprintf(stderr, "%s:%d: %s is %.9g, want %.9g\n", __FILE__, __LINE__, \
			        #got, got_, want_);                                           \
			exit(TEST_EXIT_FAILED);                                               \
		}                                                                             \
	} while (0)

#define SKIP(why)                                        \
	do {                                             \
		fprintf(stderr, "skipped: %s\n", (why)); \
		exit(TEST_EXIT_SKIPPED);                 \
	} while (0)

/* The path of a file of the test data (CONVD_TEST_DATA, by default ../shared/data); skips the test
 * where that folder is absent. The string is static: one call at a time. */
__attribute__((unused)) static const char *test_data(const char *name)
{
	static char path[4096];
	const char *root = getenv("CONVD_TEST_DATA");
	if (!root || !*root)
		root = "../shared/data";
	if (access(root, R_OK) != 0)
		SKIP("no test data (CONVD_TEST_DATA)");
	snprintf(path, sizeof path, "%s/%s", root, name);
	return path;
}

/* The bytes of a file; the test fails when it cannot be read. */
__attribute__((unused)) static uint8_t *test_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		fprintf(stderr, "cannot open %s\n", path);
		exit(TEST_EXIT_FAILED);
	}
	size_t cap = 1 << 16;
	uint8_t *bytes = malloc(cap);
	*len = 0;
	for (size_t got; bytes && (got = fread(bytes + *len, 1, cap - *len, f)) > 0;) {
		*len += got;
		if (*len == cap)
			bytes = realloc(bytes, cap *= 2);
	}
	fclose(f);
	CHECK(bytes != NULL);
	return bytes;
}

static int test_run_one(const struct test *t)
{
	fflush(NULL);
	if (getenv("CONVD_TEST_NO_FORK")) {
		t->run();
		return 0;
	}
	pid_t pid = fork();
	if (pid == 0) {
		t->run();
		exit(0);
	}
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return TEST_EXIT_FAILED;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "%s: killed by signal %d\n", t->name, WTERMSIG(status));
	return TEST_EXIT_FAILED;
}

static int test_main(const struct test *tests, size_t n, int argc, char **argv)
{
	int passed = 0, failed = 0, skipped = 0;
	for (size_t i = 0; i < n; i++) {
		bool wanted = argc < 2;
		for (int a = 1; a < argc; a++)
			wanted |= strcmp(argv[a], tests[i].name) == 0;
		if (!wanted)
			continue;
		int code = test_run_one(&tests[i]);
		if (code == 0) {
			passed++;
		} else if (code == TEST_EXIT_SKIPPED) {
			skipped++;
		} else {
			failed++;
			printf("FAILED %s\n", tests[i].name);
		}
	}
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed != 0;
}

#define TEST_MAIN(...)                                                               \
	int main(int argc, char **argv)                                              \
	{                                                                            \
		static const struct test tests[] = {__VA_ARGS__};                    \
		return test_main(tests, sizeof tests / sizeof tests[0], argc, argv); \
	}

#endif
