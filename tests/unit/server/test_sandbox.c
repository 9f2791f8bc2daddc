#include "server/sandbox.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Each test has a process of its own, which ends with its sandbox. */
static void enter_with(bool appends)
{
	struct cnn_error err;
	if (SANDBOX_SANITIZED)
		SKIP("a sanitizer needs what the sandbox takes away");
	if (getenv("CONVD_TEST_NO_FORK"))
		SKIP("it would stay for the other tests");
	enum cnn_status status = sandbox_enter(appends, &err);
	if (status == CNN_UNSUPPORTED)
		SKIP(err.text);
	CHECK_INT(status, CNN_OK);
}

static void enter(void)
{
	enter_with(false);
}

#define CHECK_DENIED(call)               \
	do {                             \
		errno = 0;               \
		CHECK_INT((call), -1);   \
		CHECK_INT(errno, EPERM); \
	} while (0)

static void *allocate(void *size)
{
	char *bytes = malloc(*(size_t *)size);
	if (bytes)
		memset(bytes, 1, *(size_t *)size);
	return bytes;
}

static void serving_goes_on(void)
{
	enter();
	CHECK_INT(prctl(PR_GET_NAME, (char[16]){0}), 0);
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	char text[8192] = "";
	CHECK(read(fd, text, sizeof text - 1) > 0);
	CHECK(strstr(text, "NoNewPrivs:\t1") && strstr(text, "Seccomp:\t2"));
	CHECK_INT(close(fd), 0);
	FILE *f = fopen("/proc/self/stat", "r");
	CHECK(f && fgets(text, sizeof text, f));
	fclose(f);
	CHECK(access("/", R_OK) == 0);
	/* Threads, large memory, memory that grows. */
	for (size_t size = 1; size < 300u << 20; size *= 64) {
		pthread_t thread;
		void *bytes;
		CHECK_INT(pthread_create(&thread, NULL, allocate, &size), 0);
		CHECK_INT(pthread_join(thread, &bytes), 0);
		CHECK(bytes != NULL);
		bytes = realloc(bytes, 2 * size);
		CHECK(bytes != NULL);
		free(bytes);
	}
}

static void the_rest_is_denied(void)
{
	enter();
	CHECK_DENIED(open("/dev/null", O_WRONLY));
	CHECK_DENIED(open("/dev/null", O_RDWR));
	CHECK_DENIED(open("/tmp/convd-sandbox", O_RDONLY | O_CREAT, 0600));
	CHECK_DENIED(open("/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0600));
	CHECK_DENIED(open("/tmp", O_TMPFILE | O_RDWR, 0600));
	CHECK_DENIED(unlink("/tmp/convd-sandbox"));
	CHECK_DENIED(rename("/tmp/convd-sandbox", "/tmp/convd-sandbox-2"));
	CHECK_DENIED(chmod("/tmp/convd-sandbox", 0777));
	CHECK_DENIED(truncate("/tmp/convd-sandbox", 0));
	CHECK_DENIED(socket(AF_INET, SOCK_STREAM, 0));
	CHECK_DENIED(socket(AF_UNIX, SOCK_DGRAM, 0));
	CHECK_DENIED(connect(0, NULL, 0));
	CHECK_DENIED(execl("/bin/true", "true", NULL));
	CHECK_DENIED(fork());
	CHECK_DENIED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	CHECK_DENIED(kill(getppid(), 0));
	CHECK_DENIED(setuid(0));
	CHECK_DENIED(chdir("/"));
	CHECK_DENIED(prctl(PR_SET_DUMPABLE, 0));
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	           0) == MAP_FAILED);
	CHECK_INT(errno, EPERM);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	CHECK_DENIED(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static void a_log_may_be_opened_to_append(void)
{
	enter_with(true);
	int fd = open("/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK_INT(close(fd), 0);
	CHECK_DENIED(open("/dev/null", O_WRONLY));
	CHECK_DENIED(open("/dev/null", O_WRONLY | O_APPEND));
	CHECK_DENIED(open("/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, 0600));
	CHECK_DENIED(open("/dev/null", O_RDWR | O_CREAT | O_APPEND, 0600));
}

static pthread_barrier_t barrier;

static void *try_socket(void *reason)
{
	pthread_barrier_wait(&barrier); /* it runs */
	pthread_barrier_wait(&barrier); /* the sandbox is there */
	errno = 0;
	if (socket(AF_INET, SOCK_STREAM, 0) < 0)
		*(int *)reason = errno;
	return NULL;
}

static void threads_that_run_are_in_it(void)
{
	pthread_t thread;
	int reason = 0;
	pthread_barrier_init(&barrier, NULL, 2);
	CHECK_INT(pthread_create(&thread, NULL, try_socket, &reason), 0);
	pthread_barrier_wait(&barrier);
	enter();
	pthread_barrier_wait(&barrier);
	CHECK_INT(pthread_join(thread, NULL), 0);
	CHECK_INT(reason, EPERM);
}

static void an_abort_is_still_one(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		enter();
		abort();
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TEST_EXIT_SKIPPED)
		exit(TEST_EXIT_SKIPPED);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

TEST_MAIN({"serving_goes_on", serving_goes_on}, {"the_rest_is_denied", the_rest_is_denied},
          {"a_log_may_be_opened_to_append", a_log_may_be_opened_to_append},
          {"threads_that_run_are_in_it", threads_that_run_are_in_it},
          {"an_abort_is_still_one", an_abort_is_still_one})
