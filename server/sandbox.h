/* sandbox.h - what the process gives up when it has started: new privileges, and the system calls that serving does
 * not need.
 *
 * A call outside of the list fails with EPERM, as if the system did not allow it; nothing is killed. What is left can
 * answer on connections, read files, map memory and make threads. It cannot start programs, write files, open sockets
 * of its own, map memory that is executable, or look into other processes. */
#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H
#include "engine/base/status.h"
#include "engine/base/types.h"

enum sandbox_mode {
	SANDBOX_AUTO,
	SANDBOX_ON,
	SANDBOX_OFF
}; /* the choices of --sandbox, in its order */

/* Sanitizers look into their own process, and map what they like. */
#if defined(__has_feature)
#	if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#		define SANDBOX_SANITIZED 1
#	endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define SANDBOX_SANITIZED 1
#endif
#ifndef SANDBOX_SANITIZED
#	define SANDBOX_SANITIZED 0
#endif

/* For all threads of the process, and for good. `appends`: it may open files to append to them, as it must to open
 * its log again. CNN_UNSUPPORTED: the kernel does not take it. */
enum cnn_status sandbox_enter(bool appends, struct cnn_error *err);

#endif
