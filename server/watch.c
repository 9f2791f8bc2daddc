#include "server/watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
	EVENTS = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO |
	         IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR
};

struct watch {
	uv_poll_t poll;
	int fd;
	void (*changed)(void *ctx);
	void *ctx;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	struct watch *w = poll->data;
	/* Which folder it was does not matter, so that a queue that overflowed does not either. */
	char buffer[16384];
	bool any = false;
	while (read(w->fd, buffer, sizeof buffer) > 0)
		any = true;
	if (any)
		w->changed(w->ctx);
}

enum cnn_status watch_new(uv_loop_t *loop, void (*changed)(void *ctx), void *ctx,
                          struct watch **out, struct cnn_error *err)
{
	struct watch *w = calloc(1, sizeof *w);
	if (!w)
		return cnn_fail_memory(err, "the watch", sizeof *w);
	*w = (struct watch){.changed = changed, .ctx = ctx};
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0) {
		free(w);
		return cnn_fail(err, CNN_IO, "--watch: cannot watch folders: %s", strerror(errno));
	}
	int failed = uv_poll_init(loop, &w->poll, w->fd);
	if (failed) {
		close(w->fd);
		free(w);
		return cnn_fail(err, CNN_IO, "--watch: cannot watch folders: %s",
		                uv_strerror(failed));
	}
	w->poll.data = w;
	uv_poll_start(&w->poll, UV_READABLE, on_readable);
	*out = w;
	return CNN_OK;
}

enum cnn_status watch_add(struct watch *w, const char *folder, struct cnn_error *err)
{
	if (inotify_add_watch(w->fd, folder, EVENTS) >= 0 || errno == ENOENT || errno == ENOTDIR)
		return CNN_OK;
	if (errno == ENOSPC)
		return cnn_fail(err, CNN_IO,
		                "%s: cannot be watched, fs.inotify.max_user_watches is reached",
		                folder);
	return cnn_fail(err, CNN_IO, "%s: cannot be watched: %s", folder, strerror(errno));
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	uv_poll_stop(&w->poll);
	close(w->fd);
	uv_close((uv_handle_t *)&w->poll, on_closed);
}
