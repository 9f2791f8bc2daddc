/* models.c - real networks: they import, infer, and count right, or are refused by name. */
#include "engine/graph/layers.h"
#include "engine/onnx/import.h"
#include "engine/operators/infer.h"
#include "tests/test.h"

struct totals {
	size_t layers;
	int64_t parameters, macs;
};

static struct graph *load(const char *name, enum cnn_status want, struct cnn_error *err)
{
	char file[128];
	size_t len;
	snprintf(file, sizeof file, "models/%s/model.onnx", name);
	uint8_t *bytes = test_read(test_data(file), &len);
	struct graph *g = NULL;
	enum cnn_status s = onnx_import(bytes, len, name, &g, NULL, err);
	free(bytes);
	if (s != want)
		fprintf(stderr, "%s: %s\n", name, s ? err->text : "imported");
	CHECK_INT(s, want);
	return g;
}

static struct totals measure(const char *name, int64_t classes)
{
	struct cnn_error err = {0};
	struct graph *g = load(name, CNN_OK, &err);
	for (size_t i = 0; i < g->n_input; i++) {
		struct value *v = &g->value[g->input[i]];
		for (int32_t k = 0; k < v->rank; k++)
			if (v->dim[k] < 0)
				v->dim[k] = k == 0 ? 1 : k == 2 ? 48 : 192;
		v->shaped = true;
	}
	struct graph_layers l;
	if (graph_infer(g, &err) != CNN_OK)
		fprintf(stderr, "%s: %s\n", name, err.text);
	CHECK_INT(err.code, CNN_OK);
	graph_sweep(g);
	CHECK_INT(graph_sort(g, &err), CNN_OK);
	CHECK_INT(graph_check(g, &err), CNN_OK);
	CHECK_INT(graph_build_layers(g, &l, &err), CNN_OK);
	const struct value *out = &g->value[g->output[0]];
	CHECK_INT(out->rank, 2);
	CHECK_INT(out->dim[1], classes);
	struct totals t = {.layers = l.n};
	for (size_t i = 0; i < l.n; i++) {
		t.parameters += l.row[i].parameters;
		t.macs += l.row[i].macs;
	}
	graph_free(g);
	return t;
}

static void float_models(void)
{
	static const struct {
		const char *name;
		int64_t classes, parameters, macs;
	} models[] = {
		{"squeezenet1.1", 1000, 1235496, 349151936},
		{"mobilenet_v1_0.25", 1001, 467593, 41030528},
		{"mobilenet_v2_1.0", 1001, 3489097, 300775552},
		{"resnet20_cifar10", 10, 269722, 40551040},
		{"mnist-8", 10, 5994, 786560},
		{"micro_kws_fp32", 10, 27142, 5709472},
		{"ppocr_cls_mobilenetv3", 2, 129356, 0},
	};
	for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
		struct totals t = measure(models[i].name, models[i].classes);
		CHECK_INT(t.parameters, models[i].parameters);
		CHECK(t.layers > 10);
		/* Depends on the size that was chosen for open dimensions. */
		if (models[i].macs)
			CHECK_INT(t.macs, models[i].macs);
	}
}

static void quantised_models(void)
{
	static const struct {
		const char *name;
		int64_t classes, parameters, macs;
	} models[] = {
		{"efficientnet_lite0_qdq", 1000, 4631000, 385187552},
		{"micro_kws_qdq", 10, 27142, 5709472},
		{"micro_kws_qoperator", 10, 27142, 5709472},
		{"mobilenet_v1_0.5_160_qdq", 1001, 1326633, 76525312},
		{"mobilenet_v2_1.0_qdq", 1001, 3489097, 300775552},
		{"mobilenetv2_int8_qoperator", 1000, 3487816, 300774272},
	};
	for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
		struct totals t = measure(models[i].name, models[i].classes);
		CHECK_INT(t.parameters, models[i].parameters);
		CHECK_INT(t.macs, models[i].macs);
		CHECK(t.layers > 10);
	}
}

TEST_MAIN({"float_models", float_models}, {"quantised_models", quantised_models})
