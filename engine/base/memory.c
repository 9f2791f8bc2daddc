#include "engine/base/memory.h"

#include "engine/base/cgroup.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* A file that says "max" has no number and limits nothing. */
static void take_limit(void *ctx, const char *directory, bool v2)
{
	size_t *least = ctx;
	char path[1300];
	unsigned long long bytes;
	snprintf(path, sizeof path, "%s/%s", directory,
	         v2 ? "memory.max" : "memory.limit_in_bytes");
	FILE *f = fopen(path, "r");
	if (!f)
		return;
	if (fscanf(f, "%llu", &bytes) == 1 && bytes > 0 && bytes < *least)
		*least = (size_t)bytes;
	fclose(f);
}

size_t memory_bytes(void)
{
	size_t least = SIZE_MAX;
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	if (pages > 0 && page > 0)
		least = (size_t)pages * (size_t)page;
	cgroup_walk("memory", take_limit, &least);
	return least;
}
