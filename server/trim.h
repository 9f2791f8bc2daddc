/* trim.h - gives memory back that the allocator keeps, whenever nothing has been asked for a while. Loop thread only. */
#ifndef SERVER_TRIM_H
#define SERVER_TRIM_H
#include "server/context.h"

struct trim;

/* NULL: memory ran out; it is only given back later then. */
struct trim *trim_new(struct server *server);
/* It goes once the loop has run on; NULL-safe. */
void trim_free(struct trim *trim);

#endif
