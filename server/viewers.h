/* viewers.h - the models that are open for viewing. One thread only. */
#ifndef SERVER_VIEWERS_H
#define SERVER_VIEWERS_H
#include "engine/see.h"

enum { VIEWERS_MAX = 8 };

struct viewers {
	size_t max_bytes; /* of all together; 0: no limit */
	enum cnn_isa max_isa;
	struct viewer {
		struct see *see;
		char sha256[65];
		uint64_t used_ns; /* monotonic clock */
	} viewer[VIEWERS_MAX];
};

/* The viewer of a model that was loaded from such a file, opened when it is not. Others are closed to make room, those
 * first that were not looked at for longest. It is valid until the next call. As see_open(). */
enum cnn_status viewers_get(struct viewers *v, const struct cnn_model *model, uint64_t now_ns,
                            struct see **out, struct cnn_error *err);
/* Close those not used since then. */
void viewers_sweep(struct viewers *v, uint64_t before_ns);
size_t viewers_bytes(const struct viewers *v);

#endif
