#include "engine/base/cgroup.h"

#include <stdio.h>
#include <string.h>

/* Is `name` one of the words of "cpu,cpuacct"? */
static bool in_list(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = list; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
		if (strcspn(at, ",") == n && strncmp(at, name, n) == 0)
			return true;
	return false;
}

void cgroup_walk(const char *controller, void (*visit)(void *ctx, const char *directory, bool v2),
                 void *ctx)
{
	FILE *f = fopen("/proc/self/cgroup", "r");
	if (!f)
		return;
	char line[1024];
	while (fgets(line, sizeof line, f)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		controllers++;
		path[strcspn(path, "\n")] = '\0';
		bool v2 = *controllers == '\0';
		if (!v2 && !in_list(controllers, controller))
			continue;
		for (;;) {
			char directory[1200];
			snprintf(directory, sizeof directory, "/sys/fs/cgroup%s%s%s", v2 ? "" : "/",
			         v2 ? "" : controller, path);
			visit(ctx, directory, v2);
			char *slash = strrchr(path, '/');
			if (!slash || *path == '\0')
				break;
			*slash = '\0';
		}
	}
	fclose(f);
}
