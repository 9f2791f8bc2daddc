/* importer.h - what the steps of one import share; private to onnx/. */
#ifndef ENGINE_ONNX_IMPORTER_H
#define ENGINE_ONNX_IMPORTER_H
#include "engine/graph/graph.h"
#include "engine/onnx/external.h"
#include "engine/onnx/names.h"
#include "onnx.pb-c.h"

struct importer {
	struct graph *g;
	const Onnx__GraphProto *file;
	int64_t opset;
	size_t max_bytes; /* of the graph */
	struct external external;
	/* By the file's name of a tensor: id is its value. An output that the graph does not keep
	 * has id NO_VALUE and, as node, its index in the file. */
	struct name_table tensors;
	const char **node_name; /* by index in the file: clean and unique */
};

/* im->file into im->g, whose nodes are sorted and checked then. */
enum cnn_status importer_run(struct importer *im, struct cnn_error *err);

/* nodes.c - names for all nodes; Constant nodes and outputs into `tensors`; then, once `tensors` is
 * sorted, the nodes themselves. */
enum cnn_status nodes_name(struct importer *im, struct cnn_error *err);
enum cnn_status nodes_declare(struct importer *im, struct cnn_error *err);
enum cnn_status nodes_import(struct importer *im, struct cnn_error *err);

/* masks.c - once the graph's outputs are known; leaves nodes to be sorted. */
enum cnn_status masks_import(struct graph *g, struct cnn_error *err);

#endif
