/* branches.h - If, decided while the file is read; private to onnx/. */
#ifndef ENGINE_ONNX_BRANCHES_H
#define ENGINE_ONNX_BRANCHES_H
#include "engine/onnx/importer.h"

/* Where im->file has nodes If, it becomes a copy, in the graph's arena, with the nodes of the branches that their
 * conditions choose. Refuses conditions that are not known, naming the node. */
enum cnn_status branches_inline(struct importer *im, struct cnn_error *err);

/* What a tensor of the file is, if it is one number that follows from constants and from shapes: condition.c.
 * *known is false when it does not. */
enum cnn_status condition_evaluate(const struct importer *im, const Onnx__GraphProto *file,
                                   const char *tensor, bool *known, bool *value,
                                   struct cnn_error *err);

#endif
