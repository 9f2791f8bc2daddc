/* model_log.h - the lines that say which model is served now. */
#ifndef SERVER_MODEL_LOG_H
#define SERVER_MODEL_LOG_H
#include "engine/cnn.h"
#include "server/log.h"

/* `done`: "loaded". */
void model_log(const struct log *log, const char *name, const struct cnn_model *m, const char *done,
               double ms);

#endif
