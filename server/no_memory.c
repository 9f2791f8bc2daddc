#include "server/no_memory.h"
#include "server/reply.h"

static struct MHD_Response *make(bool oip)
{
	struct reply reply = {.oip = oip};
	reply_text(&reply, NO_MEMORY_STATUS, NULL, NULL, 0);
	struct MHD_Response *r = MHD_create_response_from_buffer(reply.len, (void *)reply.body,
	                                                         MHD_RESPMEM_PERSISTENT);
	if (r && MHD_add_response_header(r, "Content-Type", reply.content_type) &&
	    MHD_add_response_header(r, "Cache-Control", reply.cache_control) &&
	    MHD_add_response_header(r, "Retry-After", "1") &&
	    MHD_add_response_header(r, "Connection", "close"))
		return r;
	if (r)
		MHD_destroy_response(r);
	return NULL;
}

enum cnn_status no_memory_init(struct no_memory *n, struct cnn_error *err)
{
	n->error = make(false);
	n->oip = make(true);
	if (n->error && n->oip)
		return CNN_OK;
	no_memory_clear(n);
	return cnn_fail(err, CNN_NO_MEMORY, "out of memory for the HTTP server");
}

enum MHD_Result no_memory_send(const struct no_memory *n, struct MHD_Connection *mhd, bool oip)
{
	return MHD_queue_response(mhd, NO_MEMORY_STATUS, oip ? n->oip : n->error);
}

void no_memory_clear(struct no_memory *n)
{
	if (n->error)
		MHD_destroy_response(n->error);
	if (n->oip)
		MHD_destroy_response(n->oip);
	*n = (struct no_memory){0};
}
