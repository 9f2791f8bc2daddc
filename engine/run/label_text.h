/* label_text.h - labels out of one string, as exporters write them into a model's metadata. Private to run/. */
#ifndef ENGINE_RUN_LABEL_TEXT_H
#define ENGINE_RUN_LABEL_TEXT_H
#include "engine/run/describe.h"

/* A list or an object of index to name, as JSON or Python writes them (["cat", "dog"], {0: 'cat', 1: 'dog'}), or
 * a label a line, or between commas. *out is empty when it is none of that or has more than `most` labels.
 * CNN_NO_MEMORY is the only error. */
enum cnn_status label_text_read(const char *text, size_t most, struct arena *arena,
                                struct label_list *out, struct cnn_error *err);

#endif
