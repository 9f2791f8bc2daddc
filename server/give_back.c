#include "server/give_back.h"

#include <stdlib.h> /* defines __GLIBC__ */

#ifdef __GLIBC__
#	include <malloc.h>
#endif

void give_back_free(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
