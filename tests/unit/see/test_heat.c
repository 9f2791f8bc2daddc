/* Heat maps: where they lie in the photo, how they look, and what each method finds in a real model. */
#include "engine/base/cpu.h"
#include "engine/base/file.h"
#include "engine/see/heat.h"
#include "tests/test.h"

static const struct image_limits limits = {.max_side = 65535, .max_pixels = 50000000};

/* --- where, and how it looks ---------------------------------------------------------------------- */

static struct heat heat_of(int32_t height, int32_t width, const float *values)
{
	struct heat h = {.layer = ""};
	struct cnn_error err;
	CHECK_INT(heat_new(&h, height, width, &err), CNN_OK);
	memcpy(h.map, values, (size_t)height * (size_t)width * sizeof *values);
	return h;
}

static void window(void)
{
	struct image_fit fit = {.width = 224, .height = 224, .channels = 3, .resize_short = 256};
	struct heat_window w;
	heat_window(&fit, 1024, 512, &w); /* becomes 512 x 256: 144 are cut off on either side */
	CHECK_NEAR(w.left, 288, 1e-9);
	CHECK_NEAR(w.right, 736, 1e-9);
	CHECK_NEAR(w.top, 32, 1e-9);
	CHECK_NEAR(w.bottom, 480, 1e-9);
	fit.crop = IMAGE_CROP_NONE;
	heat_window(&fit, 1024, 512, &w);
	CHECK_NEAR(w.left, 0, 1e-9);
	CHECK_NEAR(w.right, 1024, 1e-9);
	CHECK_NEAR(w.bottom, 512, 1e-9);
}

static void peak(void)
{
	struct heat h = heat_of(2, 4, (float[]){-5, 1, 0, 0, 0, 0, 0, 3});
	const struct heat_window w = {100, 10, 500, 210};
	struct heat_peak p;
	heat_find_peak(&h, &w, &p);
	CHECK(p.found);
	CHECK_INT(p.row, 1);
	CHECK_INT(p.column, 3);
	CHECK_NEAR(p.x, 450, 1e-9);
	CHECK_NEAR(p.y, 160, 1e-9);
	CHECK_NEAR(p.value, 3, 0);
	memset(h.map, 0, 8 * sizeof *h.map);
	heat_find_peak(&h, &w, &p);
	CHECK(!p.found);
	heat_clear(&h);
	heat_clear(&h);
	heat_clear(NULL);
}

static void stretch(void)
{
	struct heat h = heat_of(1, 2, (float[]){-4, 8});
	float out[8];
	heat_stretch(&h, 8, 1, out);
	const float want[8] = {0, 0, 0.125f, 0.375f, 0.625f, 0.875f, 1, 1};
	for (int i = 0; i < 8; i++)
		CHECK_NEAR(out[i], want[i], 1e-6);
	h.map[1] = -1; /* nothing speaks for the class */
	heat_stretch(&h, 8, 1, out);
	for (int i = 0; i < 8; i++)
		CHECK_NEAR(out[i], 0, 0);
	heat_clear(&h);
}

static double lightness(const uint8_t rgb[3])
{
	double sum = 0;
	const double share[3] = {0.2126, 0.7152, 0.0722};
	for (int c = 0; c < 3; c++)
		sum += share[c] * pow(rgb[c] / 255.0, 2.2);
	return sum;
}

static void ramp(void)
{
	struct colour_ramp r;
	heat_ramp(&r);
	for (int i = 1; i < 256; i++)
		CHECK(lightness(r.rgb[i]) > lightness(r.rgb[i - 1]) - 2e-3);
	CHECK(lightness(r.rgb[0]) < 0.03);
	CHECK(lightness(r.rgb[255]) > 0.85);
	CHECK(r.rgb[150][0] > 200 && r.rgb[150][2] < 90); /* red in between */
}

static void overlay(void)
{
	uint8_t px[6 * 2 * 3];
	memset(px, 100, sizeof px);
	const struct image photo = {.px = px, .width = 6, .height = 2, .channels = 3};
	const struct heat_window w = {1, 0, 5, 2};
	struct heat h = heat_of(1, 4, (float[]){-1, 0, 0, 2});
	struct colour_ramp r;
	struct image out = {0};
	struct cnn_error err;
	heat_ramp(&r);
	CHECK_INT(heat_overlay(&h, &photo, &w, 1, &out, &err), CNN_OK);
	CHECK_INT(out.width, 6);
	for (int c = 0; c < 3; c++) {
		CHECK_INT(out.px[c], 40); /* not seen: darker */
		CHECK_INT(out.px[5 * 3 + c], 40);
		CHECK_INT(out.px[1 * 3 + c], 100); /* seen, cold */
		CHECK_INT(out.px[4 * 3 + c], r.rgb[255][c]);
		CHECK_INT(out.px[6 * 3 + 4 * 3 + c], r.rgb[255][c]);
	}
	image_clear(&out);
	CHECK_INT(heat_overlay(&h, &photo, &w, 0, &out, &err), CNN_OK);
	CHECK_INT(out.px[4 * 3], 100);
	image_clear(&out);
	CHECK_INT(heat_overlay(&h, &photo, &w, 1.5, &out, &err), CNN_BAD_ARG);
	CHECK_INT(heat_overlay(&h, &photo, &(struct heat_window){1, 0, 1, 2}, 1, &out, &err),
	          CNN_BAD_ARG);
	const struct image gray = {.px = px, .width = 6, .height = 2, .channels = 1};
	CHECK_INT(heat_overlay(&h, &gray, &w, 1, &out, &err), CNN_BAD_ARG);
	heat_clear(&h);
}

/* --- in models -------------------------------------------------------------------------------------- */

struct bench {
	struct cnn_model *model;
	struct cnn_session *session;
	struct see *see;
	struct image picture;
};

static struct bench bench_of(const char *model, const char *photo)
{
	struct bench b = {.model = NULL};
	struct cnn_error err = {0};
	struct cnn_load_options load = {.max_isa = cpu_isa(), .max_batch = 8};
	struct see_options see = {.max_isa = cpu_isa()};
	uint8_t *bytes;
	size_t len;
	CHECK_INT(cnn_model_load(model, &load, &b.model, &err), CNN_OK);
	CHECK_INT(cnn_session_new(b.model, NULL, &b.session, &err), CNN_OK);
	const struct cnn_model_info *info = cnn_model_info(b.model);
	CHECK_INT(see_open(info->path, info->sha256, &see, &b.see, &err), CNN_OK);
	CHECK_INT(file_load(photo, 1 << 24, &bytes, &len, &err), CNN_OK);
	CHECK_INT(image_read(bytes, len, &limits, false, &info->preprocess.fit, &b.picture, NULL,
	                     &err),
	          CNN_OK);
	free(bytes);
	return b;
}

static void bench_free(struct bench *b)
{
	image_clear(&b->picture);
	see_close(b->see);
	cnn_session_free(b->session);
	cnn_model_unref(b->model);
}

static struct heat explain(struct bench *b, enum heat_method method, int64_t cls)
{
	struct heat h = {.layer = NULL};
	struct cnn_error err = {0};
	const struct heat_options options = {.method = method, .cls = cls};
	if (heat_explain(b->see, b->model, b->session, &b->picture, &options, &h, &err))
		CHECK_STR(err.text, "");
	return h;
}

static size_t cells(const struct heat *h)
{
	return (size_t)h->height * (size_t)h->width;
}

static void house(void)
{
	struct bench b = bench_of("models/scenes", "docs/house.jpg");
	struct heat cam = explain(&b, HEAT_AUTO, -1);
	CHECK_INT(cam.method, HEAT_CAM);
	CHECK_STR(cnn_model_label(b.model, cam.cls), "buildings");
	CHECK_STR(heat_method_name(cam.method), "cam");
	CHECK(*cam.layer);
	CHECK_INT(cam.height, 8);
	CHECK_INT(cam.width, 8);
	CHECK(cam.share > 0.3f);
	/* Grad-CAM is the same map divided by the number of places. */
	struct heat grad = explain(&b, HEAT_GRADCAM, cam.cls);
	CHECK_INT(grad.method, HEAT_GRADCAM);
	for (size_t i = 0; i < cells(&cam); i++)
		CHECK_NEAR(grad.map[i] * 64, cam.map[i], 1e-4 * (double)heat_largest(&cam));
	/* The viewer alone makes the same map, and nearly the same share. */
	struct cnn_session *session = b.session;
	b.session = NULL;
	struct heat alone = explain(&b, HEAT_AUTO, -1);
	CHECK_INT(alone.cls, cam.cls);
	CHECK_NEAR(alone.share, cam.share, 1e-4);
	for (size_t i = 0; i < cells(&cam); i++)
		CHECK_NEAR(alone.map[i], cam.map[i], 0);
	b.session = session;
	heat_clear(&alone);
	heat_clear(&grad);
	heat_clear(&cam);
	bench_free(&b);
}

/* SqueezeNet has no bias behind its maps: their average is the class's score. */
static void average_is_score(void)
{
	char model[4096];
	snprintf(model, sizeof model, "%s", test_data("models/squeezenet1.1"));
	struct bench b = bench_of(model, test_data("photos/gazelle.jpg"));
	const struct cnn_item item = {.picture = &b.picture, .raw = true};
	struct cnn_error err;
	float scores[1000];
	CHECK_INT(cnn_session_run_items(b.session, &item, 1, scores, NULL, &err), CNN_OK);
	for (int64_t cls = 353; cls < 1000; cls += 300) {
		struct heat h = explain(&b, HEAT_CAM, cls);
		double sum = 0;
		for (size_t i = 0; i < cells(&h); i++)
			sum += (double)h.map[i];
		CHECK_NEAR(sum / (double)cells(&h), scores[cls], 1e-3 * fabs((double)scores[353]));
		heat_clear(&h);
	}
	bench_free(&b);
}

struct counted {
	size_t calls, last, total, stop_at;
};

static bool count(void *ctx, size_t done, size_t total)
{
	struct counted *c = ctx;
	c->calls++;
	c->last = done;
	c->total = total;
	return !c->stop_at || done < c->stop_at;
}

static void occlusion(void)
{
	struct bench b = bench_of("models/scenes", "docs/house.jpg");
	struct counted c = {0};
	struct heat_options options = {
		.method = HEAT_OCCLUSION, .cls = -1, .on_progress = count, .ctx = &c};
	struct heat h = {.layer = NULL};
	struct cnn_error err;
	CHECK_INT(heat_explain(NULL, b.model, b.session, &b.picture, &options, &h, &err), CNN_OK);
	CHECK_INT(h.method, HEAT_OCCLUSION);
	CHECK_STR(h.layer, "");
	CHECK_INT(h.height, 14);
	CHECK_INT(h.width, 14);
	CHECK_INT(c.total, 13 * 13);
	CHECK_INT(c.last, c.total);
	CHECK_INT(c.calls, 22 + 1); /* 8 at a time */
	CHECK(heat_largest(&h) > 0 && heat_largest(&h) <= h.share);
	heat_clear(&h);
	/* without a viewer it is what is left */
	options.method = HEAT_AUTO;
	CHECK_INT(heat_explain(NULL, b.model, b.session, &b.picture, &options, &h, &err), CNN_OK);
	CHECK_INT(h.method, HEAT_OCCLUSION);
	heat_clear(&h);
	c.stop_at = 16;
	CHECK_INT(heat_explain(NULL, b.model, b.session, &b.picture, &options, &h, &err),
	          CNN_BAD_ARG);
	CHECK_INT(c.last, 16);
	CHECK(strstr(err.text, "stopped") != NULL);
	CHECK(h.map == NULL);
	bench_free(&b);
}

static void refused(void)
{
	struct bench b = bench_of("models/scenes", "docs/house.jpg");
	struct cnn_error err;
	struct heat h = {.layer = NULL};
	struct heat_options options = {.method = HEAT_AUTO, .cls = 6};
	CHECK_INT(heat_explain(b.see, b.model, b.session, &b.picture, &options, &h, &err),
	          CNN_BAD_ARG);
	CHECK_STR(err.text, "model 'scenes' has no class 6, only 0..5");
	options.cls = -1;
	CHECK_INT(heat_explain(NULL, b.model, NULL, &b.picture, &options, &h, &err),
	          CNN_UNSUPPORTED);
	options.method = HEAT_CAM;
	CHECK_INT(heat_explain(NULL, b.model, b.session, &b.picture, &options, &h, &err),
	          CNN_UNSUPPORTED);
	const struct image small = {.px = b.picture.px, .width = 9, .height = 9, .channels = 3};
	CHECK_INT(heat_explain(b.see, b.model, b.session, &small, &options, &h, &err), CNN_BAD_ARG);
	CHECK(h.map == NULL);
	bench_free(&b);
}

static void classes(void)
{
	struct cnn_load_options load = {.max_isa = cpu_isa(), .max_batch = 1};
	struct cnn_model *m;
	struct cnn_error err;
	int64_t cls;
	CHECK_INT(cnn_model_load(test_data("models/squeezenet1.1"), &load, &m, &err), CNN_OK);
	static const struct {
		const char *text;
		int64_t cls;
	} good[] = {{NULL, -1},         {"", -1},       {"353", 353},  {"gazelle", 353},
	            {"Tiger Cat", 282}, {"tabby", 281}, {"agama", 42}, {"bald eag", 22}};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		CHECK_INT(heat_class(m, good[i].text, &cls, &err), CNN_OK);
		CHECK_INT(cls, good[i].cls);
	}
	CHECK_INT(heat_class(m, "1000", &cls, &err), CNN_BAD_ARG);
	CHECK_INT(heat_class(m, "99999999999999999999", &cls, &err), CNN_BAD_ARG);
	CHECK_INT(heat_class(m, "-1", &cls, &err), CNN_BAD_ARG);
	CHECK_INT(heat_class(m, "no such thing", &cls, &err), CNN_BAD_ARG);
	CHECK_STR(err.text, "model 'squeezenet1.1' has no class 'no such thing'");
	CHECK_INT(heat_class(m, "crane", &cls, &err), CNN_BAD_ARG); /* the bird, the machine */
	CHECK(strstr(err.text, "2 classes called 'crane', the first is 134") != NULL);
	cnn_model_unref(m);
}

/* A label of several names. */
static void names(void)
{
	static const char *const labels[] = {"tabby, tabby cat", "tiger cat", "sea, seaside",
	                                     "mountain",         "street",    "sea lion"};
	char folder[] = "/tmp/convd-heat-XXXXXX", path[64], real[4096];
	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/model.onnx", folder);
	CHECK(realpath("models/scenes/model.onnx", real) && symlink(real, path) == 0);
	snprintf(path, sizeof path, "%s/labels.txt", folder);
	FILE *f = fopen(path, "w");
	CHECK(f != NULL);
	for (size_t i = 0; i < 6; i++)
		fprintf(f, "%s\n", labels[i]);
	fclose(f);
	struct cnn_load_options load = {.max_isa = cpu_isa(), .max_batch = 1};
	struct cnn_model *m;
	struct cnn_error err;
	int64_t cls;
	CHECK_INT(cnn_model_load(folder, &load, &m, &err), CNN_OK);
	unlink(path);
	snprintf(path, sizeof path, "%s/model.onnx", folder);
	unlink(path);
	rmdir(folder);
	static const struct {
		const char *text;
		int64_t cls;
	} good[] = {{"Tabby Cat", 0}, {"tabby", 0},   {"tabby, tabby cat", 0},
	            {"sea", 2},       {"seaside", 2}, {"tain", 3},
	            {"lion", 5}};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		CHECK_INT(heat_class(m, good[i].text, &cls, &err), CNN_OK);
		CHECK_INT(cls, good[i].cls);
	}
	CHECK_INT(heat_class(m, "cat", &cls, &err), CNN_BAD_ARG);
	cnn_model_unref(m);
}

static void photo(void)
{
	uint8_t *bytes;
	size_t len;
	struct cnn_error err;
	struct image img;
	struct image_header header;
	CHECK_INT(file_load("docs/house.jpg", 1 << 24, &bytes, &len, &err), CNN_OK);
	CHECK_INT(heat_photo(bytes, len, &limits, 65535, &img, &header, &err), CNN_OK);
	CHECK_INT(img.width, header.width);
	CHECK_INT(img.channels, 3);
	image_clear(&img);
	CHECK_INT(heat_photo(bytes, len, &limits, 50, &img, &header, &err), CNN_OK);
	CHECK_INT(img.width > img.height ? img.width : img.height, 50);
	CHECK_NEAR((double)img.width / img.height, (double)header.width / header.height, 0.05);
	image_clear(&img);
	CHECK_INT(heat_photo(bytes, len / 2, &limits, 50, &img, &header, &err), CNN_BAD_IMAGE);
	free(bytes);
}

TEST_MAIN({"window", window}, {"peak", peak}, {"stretch", stretch}, {"ramp", ramp},
          {"overlay", overlay}, {"house", house}, {"average_is_score", average_is_score},
          {"occlusion", occlusion}, {"refused", refused}, {"classes", classes}, {"names", names},
          {"photo", photo})
