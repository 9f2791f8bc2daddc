/* memory.h - how much memory this process may use. */
#ifndef ENGINE_BASE_MEMORY_H
#define ENGINE_BASE_MEMORY_H
#include <stddef.h>

/* Bytes: the smaller of the machine's memory and the limits of this process's control group (v2
 * memory.max or v1 memory.limit_in_bytes); SIZE_MAX when the system does not tell. */
size_t memory_bytes(void);

#endif
