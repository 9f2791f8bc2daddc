/* memory_stream.h - a stream to print into memory. open_memstream() is one too, but glibc's loses text without a
 * word when memory runs out. */
#ifndef SERVER_COMMANDS_MEMORY_STREAM_H
#define SERVER_COMMANDS_MEMORY_STREAM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct memory_stream {
	FILE *f;
	char *bytes; /* after closing: the text, ended by a NUL; the caller's, from malloc() */
	size_t len, size;
};

bool memory_stream_open(struct memory_stream *m); /* false without memory */

/* False when something that was printed is lost for want of memory: bytes is NULL then. */
bool memory_stream_close(struct memory_stream *m);

#endif
