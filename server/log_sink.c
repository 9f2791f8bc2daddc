#include "server/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A pipe that is writable takes PIPE_BUF bytes at once, so a write of a piece does not block. */
enum { RING_BYTES = 256 * 1024, PIECE_BYTES = 4096, PATIENCE_MS = 50, LAST_SECONDS = 1 };

struct log_sink {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t thread;
	char *path; /* NULL: stderr */
	int fd;     /* the thread's, once it runs */
	bool reopen, stop;
	uint64_t dropped;
	size_t from, used; /* in the ring */
	char ring[RING_BYTES];
};

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static size_t count_lines(const char *text, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

/* With the lock held; not more than lies in one piece. */
static size_t take_piece(struct log_sink *s, char piece[PIECE_BYTES])
{
	size_t n = s->used < PIECE_BYTES ? s->used : PIECE_BYTES;
	if (n > RING_BYTES - s->from)
		n = RING_BYTES - s->from;
	memcpy(piece, s->ring + s->from, n);
	s->from = (s->from + n) % RING_BYTES;
	s->used -= n;
	return n;
}

static bool is_stopping(struct log_sink *s)
{
	pthread_mutex_lock(&s->lock);
	bool stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	return stop;
}

/* Returns how many bytes were written. Gives up when the server ends and nobody reads. */
static size_t write_piece(struct log_sink *s, const char *piece, size_t len)
{
	size_t done = 0;
	for (int waited = 0; done < len;) {
		struct pollfd p = {.fd = s->fd, .events = POLLOUT};
		if (poll(&p, 1, PATIENCE_MS) == 0) {
			waited += PATIENCE_MS;
			if (is_stopping(s) && waited >= LAST_SECONDS * 1000)
				break;
			continue;
		}
		ssize_t n = write(s->fd, piece + done, len - done);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	return done;
}

static void reopen_now(struct log_sink *s)
{
	int fd = s->path ? open_file(s->path) : -1;
	if (fd < 0)
		return;
	close(s->fd);
	s->fd = fd;
}

static void *sink_main(void *arg)
{
	struct log_sink *s = arg;
	char piece[PIECE_BYTES];
	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (!s->used && !s->stop && !s->reopen)
			pthread_cond_wait(&s->more, &s->lock);
		/* What came before the file was renamed belongs into it. */
		if (s->used == 0 && s->reopen) {
			s->reopen = false;
			pthread_mutex_unlock(&s->lock);
			reopen_now(s);
			pthread_mutex_lock(&s->lock);
			continue;
		}
		if (s->used == 0)
			break;
		size_t n = take_piece(s, piece);
		pthread_mutex_unlock(&s->lock);
		size_t done = write_piece(s, piece, n);
		pthread_mutex_lock(&s->lock);
		s->dropped += count_lines(piece + done, n - done);
		if (done < n && s->stop)
			break;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void free_sink(struct log_sink *s)
{
	if (s->path && s->fd >= 0)
		close(s->fd);
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

enum cnn_status log_sink_new(const char *path, struct log_sink **out, struct cnn_error *err)
{
	struct log_sink *s = calloc(1, sizeof *s);
	if (!s)
		return cnn_fail_memory(err, "the log", sizeof *s);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->more, NULL);
	s->fd = STDERR_FILENO;
	enum cnn_status status = CNN_OK;
	if (path) {
		s->fd = open_file(path);
		s->path = strdup(path);
		if (s->fd < 0)
			status = cnn_fail(err, CNN_IO, "%s: %s", path, strerror(errno));
		else if (!s->path)
			status = cnn_fail_memory(err, "the log", strlen(path));
	}
	if (!status && pthread_create(&s->thread, NULL, sink_main, s) != 0)
		status = cnn_fail(err, CNN_NO_MEMORY, "cannot start the log's thread");
	if (status)
		free_sink(s);
	else
		*out = s;
	return status;
}

void log_sink_push(struct log_sink *s, const char *line, size_t len)
{
	pthread_mutex_lock(&s->lock);
	if (len > RING_BYTES - s->used) {
		s->dropped++;
	} else {
		size_t to = (s->from + s->used) % RING_BYTES;
		size_t first = len < RING_BYTES - to ? len : RING_BYTES - to;
		memcpy(s->ring + to, line, first);
		memcpy(s->ring, line + first, len - first);
		s->used += len;
		pthread_cond_signal(&s->more);
	}
	pthread_mutex_unlock(&s->lock);
}

void log_sink_reopen(struct log_sink *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->reopen = true;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

uint64_t log_sink_dropped(struct log_sink *s)
{
	if (!s)
		return 0;
	pthread_mutex_lock(&s->lock);
	uint64_t dropped = s->dropped;
	pthread_mutex_unlock(&s->lock);
	return dropped;
}

void log_sink_free(struct log_sink *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2 * LAST_SECONDS;
	/* A write that blocks after all keeps the thread, and what it uses: the process is about to end. */
	if (pthread_timedjoin_np(s->thread, NULL, &until) == 0)
		free_sink(s);
}
