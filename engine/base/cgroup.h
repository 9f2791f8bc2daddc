/* cgroup.h - where the limits of this process's control group stand. */
#ifndef ENGINE_BASE_CGROUP_H
#define ENGINE_BASE_CGROUP_H
#include <stdbool.h>

/* Calls `visit` with the directory of this process's control group and with each one above it, up to
 * the root. `controller` ("cpu", "memory") picks the hierarchy of version 1; version 2 has one for all. */
void cgroup_walk(const char *controller, void (*visit)(void *ctx, const char *directory, bool v2),
                 void *ctx);

#endif
