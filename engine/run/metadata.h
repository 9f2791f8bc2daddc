/* metadata.h - what an .onnx file's own metadata says of labels and pictures. Private to run/.
 *
 * No standard names the keys, so that what does not fit is no error: it is left alone, and said. */
#ifndef ENGINE_RUN_METADATA_H
#define ENGINE_RUN_METADATA_H
#include "engine/onnx/import.h"
#include "engine/run/model.h"

/* Size and values of the input, where `d` has none. `input` is the graph's, its size perhaps open. */
void metadata_describe(const struct onnx_info *info, const struct value *input,
                       struct description *d, struct assumptions *assumed);

/* The labels, when there is one for each class. CNN_NO_MEMORY is the only error. */
enum cnn_status metadata_labels(const struct onnx_info *info, size_t classes, struct arena *arena,
                                struct assumptions *assumed, struct label_list *out,
                                struct cnn_error *err);

#endif
