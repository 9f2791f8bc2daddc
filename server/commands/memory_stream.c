#include "server/commands/memory_stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

enum { FIRST_SIZE = 1 << 14 };

/* Keeps room for the NUL. */
static ssize_t on_write(void *cookie, const char *text, size_t n)
{
	struct memory_stream *m = cookie;
	if (n >= m->size - m->len) {
		size_t wanted;
		bool fits = !__builtin_add_overflow(m->size, n, &wanted) &&
		            !__builtin_mul_overflow(wanted, (size_t)2, &wanted);
		char *wider = fits ? realloc(m->bytes, wanted) : NULL;
		if (!wider)
			return 0;
		m->bytes = wider;
		m->size = wanted;
	}
	memcpy(m->bytes + m->len, text, n);
	m->len += n;
	return (ssize_t)n;
}

bool memory_stream_open(struct memory_stream *m)
{
	*m = (struct memory_stream){.bytes = malloc(FIRST_SIZE), .size = FIRST_SIZE};
	if (m->bytes)
		m->f = fopencookie(m, "w", (cookie_io_functions_t){.write = on_write});
	if (!m->f) {
		free(m->bytes);
		m->bytes = NULL;
	}
	return m->f != NULL;
}

bool memory_stream_close(struct memory_stream *m)
{
	bool lost = fflush(m->f) != 0 || ferror(m->f);
	if (fclose(m->f) != 0)
		lost = true;
	m->f = NULL;
	if (lost) {
		free(m->bytes);
		m->bytes = NULL;
		m->len = 0;
		return false;
	}
	m->bytes[m->len] = '\0';
	return true;
}
