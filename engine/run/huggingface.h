/* huggingface.h - labels and preprocessing as Hugging Face's files have them. Private to run/.
 *
 * They stand in for what model.json and labels.txt do not say. Each thing that is taken is told in `assumed`, and
 * so is what convd does in another way. */
#ifndef ENGINE_RUN_HUGGINGFACE_H
#define ENGINE_RUN_HUGGINGFACE_H
#include "engine/run/model.h"

/* DIR/config.json: id2label, into *labels when it has none yet; problem_type, num_channels. */
enum cnn_status huggingface_config(const char *dir, struct arena *arena, struct description *d,
                                   struct label_list *labels, struct assumptions *assumed,
                                   struct cnn_error *err);

/* DIR/preprocessor_config.json. */
enum cnn_status huggingface_preprocessor(const char *dir, struct arena *arena,
                                         struct description *d, struct assumptions *assumed,
                                         struct cnn_error *err);

#endif
