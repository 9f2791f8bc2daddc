/* replay - a fuzz target on files that it once found, or that broke it:
 *
 *	replay_run FOLDER|FILE ...
 *
 * Each file has a process of its own, with little time and memory. */
#include "tests/fuzz/target.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { MAX_SECONDS = 20, MAX_MEBIBYTES = 1024 }; /* a sanitizer takes a part of it */

static int passed, failed;

/* The target gets a copy of just the size, so that a sanitizer sees each byte read past the end. */
static void run_target(const char *path)
{
	FILE *f = fopen(path, "rb");
	long len = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
	uint8_t *bytes = malloc(len > 0 ? (size_t)len : 1);
	if (len < 0 || !bytes || fseek(f, 0, SEEK_SET) != 0 ||
	    fread(bytes, 1, (size_t)len, f) != (size_t)len) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(1);
	}
	fclose(f);
	alarm(MAX_SECONDS);
	LLVMFuzzerTestOneInput(bytes, (size_t)len);
	free(bytes);
	exit(0);
}

static void replay_file(const char *path)
{
	int status = -1;
	struct rusage used = {0};
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		run_target(path);
	if (pid > 0)
		wait4(pid, &status, 0, &used);
	const char *why = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "hangs"
	                  : status != 0                                      ? "breaks"
	                  : used.ru_maxrss >> 10 > MAX_MEBIBYTES ? "takes too much memory"
	                                                         : NULL;
	passed += !why;
	failed += why != NULL;
	if (why)
		printf("FAILED %s: %s\n", path, why);
}

static int no_dot(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay(const char *path)
{
	struct dirent **entry;
	int n = scandir(path, &entry, no_dot, alphasort);
	if (n < 0)
		replay_file(path);
	for (int i = 0; i < n; i++) {
		char name[4096];
		snprintf(name, sizeof name, "%s/%s", path, entry[i]->d_name);
		replay_file(name);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%d passed, %d failed, 0 skipped\n", passed, failed);
	return failed != 0;
}
