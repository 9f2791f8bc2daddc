#include "engine/base/cpu.h"
#include "engine/cnn.h"
#include "tests/test.h"

static struct cnn_model *load(const char *name, int32_t batch, bool keep)
{
	char path[64];
	snprintf(path, sizeof path, "models/%s", name);
	struct cnn_load_options options = {
		.max_isa = cpu_isa(), .max_batch = batch, .keep_layers = keep};
	struct cnn_model *m;
	struct cnn_error err = {0};
	if (cnn_model_load(test_data(path), &options, &m, &err) != CNN_OK) {
		CHECK_STR(err.text, "");
		return NULL;
	}
	return m;
}

static void known_totals(void)
{
	static const struct {
		const char *name;
		double parameters, macs;
		size_t classes;
	} known[] = {
		/* from the papers and torchvision's tables */
		{"squeezenet1.1", 1.2355e6, 349.15e6, 1000},
		{"mobilenet_v2_1.0", 3.5e6, 300.8e6, 1001},
		{"mnist-8", 5998, 0, 10},
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		struct cnn_model *m = load(known[i].name, 1, false);
		const struct cnn_model_info *info = cnn_model_info(m);
		CHECK_NEAR(info->parameters, known[i].parameters, known[i].parameters * 0.01);
		if (known[i].macs > 0)
			CHECK_NEAR(info->macs, known[i].macs, known[i].macs * 0.005);
		CHECK_INT(info->classes, known[i].classes);
		CHECK_INT(info->labels, known[i].classes);
		CHECK_INT(strlen(info->sha256), 64);
		CHECK(info->takes_pictures);
		cnn_model_unref(m);
	}
}

static void first_row_of_squeezenet(void)
{
	struct cnn_model *m = load("squeezenet1.1", 1, false);
	const struct cnn_layer *row = cnn_model_layer(m, 0);
	CHECK_STR(row->op, "Conv");
	CHECK_INT(row->output.dim[1], 64);
	CHECK_INT(row->output.dim[2], 111);
	CHECK_INT(row->receptive_field[0], 3);
	CHECK_INT(row->macs, 3 * 3 * 3 * 111 * 111 * 64);
	CHECK(strstr(row->formula, "= 111") != NULL);
	CHECK_STR(cnn_model_layer(m, 1)->op, "Relu");
	CHECK_STR(cnn_model_layer(m, 1)->fused_into, row->name);
	CHECK(cnn_model_layer(m, cnn_model_layers(m)) == NULL);
	cnn_model_unref(m);
}

static void fill(float *x, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		x[i] = (float)(seed >> 8) / (float)(1 << 23) - 1;
	}
}

/* A batch is the same numbers as its pictures one by one, with any number of threads. */
static void batches_change_nothing(void)
{
	enum { N = 5 };
	const char *names[] = {"squeezenet1.1", "mobilenet_v1_0.25", "resnet20_cifar10", "mnist-8"};
	for (size_t k = 0; k < 4; k++) {
		struct cnn_model *m = load(names[k], N, false);
		const struct cnn_model_info *info = cnn_model_info(m);
		size_t in = (size_t)(info->input.dim[1] * info->input.dim[2] * info->input.dim[3]);
		float *x = malloc(N * in * sizeof *x),
		      *want = malloc(N * info->classes * sizeof *want);
		float *got = malloc(N * info->classes * sizeof *got);
		CHECK(x && want && got);
		fill(x, N * in, 7);
		for (size_t threads = 1; threads <= 3; threads++) {
			struct cnn_pool *pool = cnn_pool_new(threads);
			struct cnn_session *s;
			struct cnn_error err = {0};
			CHECK_INT(cnn_session_new(m, pool, &s, &err), CNN_OK);
			for (size_t i = 0; i < N && threads == 1; i++)
				CHECK_INT(cnn_session_run_tensor(s, x + i * in, 1, false,
				                                 want + i * info->classes, NULL,
				                                 &err),
				          CNN_OK);
			CHECK_INT(cnn_session_run_tensor(s, x, N, false, got, NULL, &err), CNN_OK);
			CHECK(memcmp(got, want, N * info->classes * sizeof *got) == 0);
			CHECK_INT(cnn_session_run_tensor(s, x, N + 1, false, got, NULL, &err),
			          CNN_BAD_ARG);
			CHECK_INT(cnn_session_run_tensor(s, x, 0, false, got, NULL, &err),
			          CNN_BAD_ARG);
			cnn_session_free(s);
			cnn_pool_free(pool);
		}
		for (size_t i = 0; i < N; i++) {
			double sum = 0;
			for (size_t c = 0; c < info->classes; c++)
				sum += (double)want[i * info->classes + c];
			CHECK_NEAR(sum, 1, 1e-4);
		}
		free(x);
		free(want);
		free(got);
		cnn_model_unref(m);
	}
}

/* Pictures and tensors in one batch are the same numbers as each alone, with and without the activation. */
static void a_batch_may_be_mixed(void)
{
	struct cnn_model *m = load("resnet20_cifar10", 4, false);
	const struct cnn_model_info *info = cnn_model_info(m);
	const struct image_fit *fit = &info->preprocess.fit;
	size_t in = (size_t)(info->input.dim[1] * info->input.dim[2] * info->input.dim[3]);
	size_t classes = info->classes;
	float *x = malloc(in * sizeof *x), *want = malloc(4 * classes * sizeof *want);
	float *got = malloc(4 * classes * sizeof *got);
	struct image picture = {malloc(in), fit->width, fit->height, fit->channels};
	CHECK(x && want && got && picture.px);
	CHECK_INT(info->input_dtype, CNN_F32);
	fill(x, in, 5);
	for (size_t i = 0; i < in; i++)
		picture.px[i] = (uint8_t)(i * 7);
	struct cnn_session *s;
	struct cnn_error err = {0};
	CHECK_INT(cnn_session_new(m, NULL, &s, &err), CNN_OK);
	const struct image *pictures[] = {&picture};
	CHECK_INT(cnn_session_run_tensor(s, x, 1, true, want, NULL, &err), CNN_OK);
	CHECK_INT(cnn_session_run(s, pictures, 1, want + classes, NULL, &err), CNN_OK);
	CHECK_INT(cnn_session_run_tensor(s, x, 1, false, want + 3 * classes, NULL, &err), CNN_OK);
	const struct cnn_item items[] = {{.tensor = x, .raw = true},
	                                 {.picture = &picture},
	                                 {.picture = &picture, .raw = true},
	                                 {.tensor = x}};
	CHECK_INT(cnn_session_run_items(s, items, 4, got, NULL, &err), CNN_OK);
	/* The raw picture's softmax is that of the other one. */
	double sum = 0;
	for (size_t c = 0; c < classes; c++)
		sum += exp((double)got[2 * classes + c]);
	for (size_t c = 0; c < classes; c++)
		CHECK_NEAR(exp((double)got[2 * classes + c]) / sum, want[classes + c], 1e-5);
	memcpy(want + 2 * classes, got + 2 * classes, classes * sizeof *got);
	CHECK(memcmp(got, want, 4 * classes * sizeof *got) == 0);
	CHECK_INT(cnn_session_run_items(s, &(struct cnn_item){0}, 1, got, NULL, &err), CNN_BAD_ARG);
	picture.width--;
	CHECK_INT(cnn_session_run_items(s, items, 4, got, NULL, &err), CNN_BAD_ARG);
	CHECK_INT(cnn_session_run_items(s, items, 5, got, NULL, &err), CNN_BAD_ARG);
	cnn_session_free(s);
	cnn_model_unref(m);
	free(picture.px);
	free(x);
	free(want);
	free(got);
}

/* Every instruction set, and the graph without fusion, agree. */
static void levels_agree(void)
{
	const char *names[] = {"mobilenet_v2_1.0", "ppocr_cls_mobilenetv3", "resnet20_cifar10"};
	for (size_t k = 0; k < 3; k++) {
		float *want = NULL;
		for (int isa = CNN_ISA_PORTABLE; isa <= (int)cpu_isa(); isa++) {
			for (int keep = 0; keep < 2; keep++) {
				char path[64];
				snprintf(path, sizeof path, "models/%s", names[k]);
				struct cnn_load_options o = {.max_isa = (enum cnn_isa)isa,
				                             .max_batch = 1,
				                             .keep_layers = keep};
				struct cnn_model *m;
				struct cnn_session *s;
				struct cnn_error err = {0};
				CHECK_INT(cnn_model_load(test_data(path), &o, &m, &err), CNN_OK);
				CHECK_INT(cnn_model_isa(m), isa);
				CHECK_INT(cnn_session_new(m, NULL, &s, &err), CNN_OK);
				const struct cnn_model_info *info = cnn_model_info(m);
				size_t in = (size_t)(info->input.dim[1] * info->input.dim[2] *
				                     info->input.dim[3]);
				float *x = malloc(in * sizeof *x);
				float *got = malloc(info->classes * sizeof *got);
				CHECK(x && got);
				fill(x, in, 3);
				CHECK_INT(cnn_session_run_tensor(s, x, 1, false, got, NULL, &err),
				          CNN_OK);
				for (size_t c = 0; want && c < info->classes; c++)
					CHECK_NEAR(got[c], want[c], 2e-5);
				free(x);
				if (want)
					free(got);
				else
					want = got;
				cnn_session_free(s);
				cnn_model_unref(m);
			}
		}
		free(want);
	}
}

static void top_is_sorted(void)
{
	const float scores[] = {0.1f, 0.4f, 0.1f, 0.3f, 0.1f};
	uint32_t best[5];
	CHECK_INT(cnn_top(scores, 5, 3, best), 3);
	CHECK_INT(best[0], 1);
	CHECK_INT(best[1], 3);
	CHECK_INT(best[2], 0);
	CHECK_INT(cnn_top(scores, 5, 99, best), 5);
	CHECK_INT(best[3], 2);
	CHECK_INT(best[4], 4);
	CHECK_INT(cnn_top(scores, 5, 0, best), 0);
}

static void bad_paths_are_named(void)
{
	struct cnn_load_options options = {.max_isa = CNN_ISA_PORTABLE, .max_batch = 1};
	struct cnn_model *m;
	struct cnn_error err = {0};
	CHECK_INT(cnn_model_load("/nonexistent/model.onnx", &options, &m, &err), CNN_IO);
	CHECK(strstr(err.text, "/nonexistent/model.onnx") != NULL);
	CHECK_INT(cnn_model_load("/dev/null", &options, &m, &err), CNN_IO);
	CHECK_INT(cnn_model_load("/tmp", &options, &m, &err), CNN_IO);
	CHECK(strstr(err.text, "/tmp/model.onnx") != NULL);
}

TEST_MAIN({"known_totals", known_totals}, {"first_row_of_squeezenet", first_row_of_squeezenet},
          {"batches_change_nothing", batches_change_nothing},
          {"a_batch_may_be_mixed", a_batch_may_be_mixed}, {"levels_agree", levels_agree},
          {"top_is_sorted", top_is_sorted}, {"bad_paths_are_named", bad_paths_are_named})
