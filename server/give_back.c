#include "server/give_back.h"

#include <stdlib.h> /* defines __GLIBC__ */

#ifdef __GLIBC__
#	include <malloc.h>
#endif

enum { LARGE_BYTES = 2 << 20 }; /* a huge page */

/* Left alone, glibc takes larger and larger blocks from its heaps once such have been freed. There the pages around what
 * is in use stay, and those that were asked for as huge pages come back whole at a touch. */
void give_back_large(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
#endif
}

void give_back_free(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
