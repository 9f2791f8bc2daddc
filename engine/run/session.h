/* session.h - a run of one picture, watched step by step. Private to run/ and see/. */
#ifndef ENGINE_RUN_SESSION_H
#define ENGINE_RUN_SESSION_H
#include "engine/cnn.h"
#include "engine/plan/plan.h"

/* As cnn_session_run_items() of one item; the plan's watcher sees every type, and may end the run. */
enum cnn_status session_watch(struct cnn_session *session, const struct cnn_item *item,
                              float *scores, plan_watch_fn *watch, void *ctx,
                              struct cnn_error *err);

#endif
