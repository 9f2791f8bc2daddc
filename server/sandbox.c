#include "server/sandbox.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* By name: libseccomp may be older than a call, and not every architecture has each. Beside what this program was seen
 * to use stands what other versions of the C library use for the same. */
static const char *const allowed[] = {
	/* the connections that come in */
	"accept", "accept4", "getpeername", "getsockname", "getsockopt", "recv", "recvfrom",
	"recvmsg", "send", "sendmsg", "sendto", "setsockopt", "shutdown",
	/* the loop */
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2",
	"pipe2", "poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select",
	/* files, to read; and messages */
	"_llseek", "access", "close", "close_range", "dup", "dup3", "faccessat", "faccessat2",
	"fadvise64", "fadvise64_64", "fstat", "fstat64", "fstatat64", "fstatfs", "getcwd",
	"getdents", "getdents64", "inotify_add_watch", "inotify_init1", "inotify_rm_watch", "lseek",
	"lstat", "lstat64", "newfstatat", "pread64", "preadv", "preadv2", "read", "readahead",
	"readlink", "readlinkat", "readv", "stat", "stat64", "statfs", "statx", "write", "writev",
	/* memory */
	"brk", "madvise", "membarrier", "mremap", "munmap",
	/* threads and signals */
	"exit", "exit_group", "futex", "futex_time64", "futex_waitv", "get_robust_list",
	"restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigtimedwait", "rt_sigtimedwait_time64", "sched_getaffinity", "sched_yield",
	"set_robust_list", "sigaltstack", "sigreturn",
	/* time, chance, and what the process knows of itself */
	"clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
	"clock_nanosleep", "clock_nanosleep_time64", "getcpu", "getegid", "geteuid", "getgid",
	"getpid", "getppid", "getrandom", "getrlimit", "getrusage", "gettid", "gettimeofday",
	"getuid", "nanosleep", "sysinfo", "time", "times", "ugetrlimit", "uname"};

/* Allowed when (argument & mask) == value. */
static const struct {
	const char *name;
	unsigned argument;
	scmp_datum_t mask, value;
} checked[] = {
	{"open", 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY},
	{"openat", 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY},
	{"mmap", 2, PROT_EXEC, 0},
	{"mmap2", 2, PROT_EXEC, 0},
	{"mprotect", 2, PROT_EXEC, 0},
	{"clone", 0, CLONE_THREAD, CLONE_THREAD},
	{"fcntl", 1, ~0u, F_DUPFD_CLOEXEC},
	{"fcntl", 1, ~0u, F_GETFD},
	{"fcntl", 1, ~0u, F_SETFD},
	{"fcntl", 1, ~0u, F_GETFL},
	{"fcntl", 1, ~0u, F_SETFL},
	{"fcntl64", 1, ~0u, F_DUPFD_CLOEXEC},
	{"fcntl64", 1, ~0u, F_GETFD},
	{"fcntl64", 1, ~0u, F_SETFD},
	{"fcntl64", 1, ~0u, F_GETFL},
	{"fcntl64", 1, ~0u, F_SETFL},
	{"ioctl", 1, ~0u, FIONBIO},
	{"ioctl", 1, ~0u, FIONREAD},
	{"ioctl", 1, ~0u, TCGETS},
	{"prctl", 0, ~0u, PR_SET_NAME},
	{"prctl", 0, ~0u, PR_GET_NAME},
	{"prctl", 0, ~0u, 0x53564d41 /* PR_SET_VMA: names for memory */},
	{"prlimit64", 2, ~(scmp_datum_t)0, 0 /* nothing new is set */},
};

/* Their arguments lie in memory, where no filter sees them. As if the kernel were too old for them, the C library falls
 * back to a call above. */
static const char *const unknown[] = {"clone3", "openat2", "io_uring_setup"};

static int add_rules(scmp_filter_ctx filter)
{
	int failed = 0;
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0] && !failed; i++) {
		int call = seccomp_syscall_resolve_name(allowed[i]);
		if (call >= 0)
			failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
	}
	for (size_t i = 0; i < sizeof checked / sizeof checked[0] && !failed; i++) {
		int call = seccomp_syscall_resolve_name(checked[i].name);
		if (call >= 0)
			failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
			                          SCMP_CMP(checked[i].argument, SCMP_CMP_MASKED_EQ,
			                                   checked[i].mask, checked[i].value));
	}
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0] && !failed; i++) {
		int call = seccomp_syscall_resolve_name(unknown[i]);
		if (call >= 0)
			failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
	}
	if (!failed) /* abort() and raise() */
		failed = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)0, (scmp_datum_t)getpid()));
	return failed;
}

/* What open() asks for to append to a file, and nothing else that writes. */
static int allow_appending(scmp_filter_ctx filter)
{
	static const scmp_datum_t mask = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
	static const scmp_datum_t append = O_WRONLY | O_CREAT | O_APPEND;
	int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
	                              SCMP_CMP(2, SCMP_CMP_MASKED_EQ, mask, append));
	if (!failed && SCMP_SYS(open) >= 0)
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
		                          SCMP_CMP(1, SCMP_CMP_MASKED_EQ, mask, append));
	return failed;
}

enum cnn_status sandbox_enter(bool appends, struct cnn_error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return cnn_fail(err, CNN_UNSUPPORTED, "the sandbox: libseccomp does not start");
	/* The workers run already. The attribute for no new privileges is on by itself. */
	int failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!failed)
		failed = add_rules(filter);
	if (!failed && appends)
		failed = allow_appending(filter);
	if (!failed)
		failed = seccomp_load(filter);
	seccomp_release(filter);
	if (failed)
		return cnn_fail(err, CNN_UNSUPPORTED, "the sandbox: %s", strerror(-failed));
	return CNN_OK;
}
