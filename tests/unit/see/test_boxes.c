/* Real networks look at the things in photos: where a class was seen best lies in a box around its thing. */
#include "engine/base/cpu.h"
#include "engine/base/file.h"
#include "engine/see_heat.h"
#include "tests/test.h"

/* By hand, as shares of the upright photo's sides. Photos that their thing fills are left out; most of these boxes are
 * less than half of the photo. */
static const struct box {
	const char *photo;
	int64_t cls; /* of ImageNet's 1000 */
	double left, top, right, bottom;
} boxes[] = {
	{"centipede.jpg", 79, 0.02, 0.24, 0.97, 0.76},
	{"flagpole.jpg", 557, 0.33, 0.05, 0.57, 0.77},
	{"gazelle.jpg", 353, 0.18, 0.13, 0.77, 0.81},
	{"sleeping_bag.jpg", 797, 0, 0.56, 0.95, 0.98},
	{"unicycle.jpg", 880, 0.11, 0.50, 0.53, 1},
	{"dust-bowl-home.jpg", 425, 0.51, 0.28, 0.97, 0.61},
	{"coral_cat_720p.jpg", 282, 0.10, 0.10, 0.71, 1},
	{"coral_hot_dog.jpg", 934, 0.18, 0.21, 0.95, 0.60},
	{"coral_owl.jpg", 24, 0.31, 0.03, 0.65, 0.97},
	{"coral_parrot.jpg", 88, 0.19, 0.11, 0.90, 0.98},
	{"bald_eagle.jpeg", 22, 0.13, 0.33, 0.85, 0.66},
	{"koala.jpg", 105, 0, 0.11, 0.86, 1},
	{"rock_crab.jpg", 119, 0, 0.25, 1, 0.97},
	{"pelican.jpeg", 144, 0.01, 0.09, 1, 0.82},
	{"burger.jpg", 933, 0.05, 0.10, 0.86, 0.98},
	{"samoyed.jpg", 258, 0.10, 0.03, 0.93, 0.95},
};

struct eye {
	struct cnn_model *model;
	struct cnn_session *session;
	struct see *see;
};

static bool in_box(const struct eye *e, const struct box *b, enum heat_method method)
{
	const struct cnn_model_info *info = cnn_model_info(e->model);
	const struct image_limits limits = {.max_side = 65535, .max_pixels = 50000000};
	/* some have a class 0 for "background" */
	const struct heat_options options = {.method = method,
	                                     .cls = b->cls + (info->classes == 1001)};
	char name[64];
	uint8_t *bytes;
	size_t len;
	struct image picture;
	struct image_header header;
	struct cnn_error err = {0};
	struct heat heat;
	struct heat_window window;
	struct heat_peak peak;
	snprintf(name, sizeof name, "photos/%s", b->photo);
	CHECK_INT(file_load(test_data(name), 1 << 26, &bytes, &len, &err), CNN_OK);
	CHECK_INT(image_read(bytes, len, &limits, true, &info->preprocess.fit, &picture, &header,
	                     &err),
	          CNN_OK);
	if (heat_explain(e->see, e->model, e->session, &picture, &options, &heat, &err))
		CHECK_STR(err.text, "");
	heat_window(&info->preprocess.fit, header.width, header.height, &window);
	heat_find_peak(&heat, &window, &peak);
	double x = peak.x / header.width, y = peak.y / header.height;
	bool inside = peak.found && x >= b->left && x <= b->right && y >= b->top && y <= b->bottom;
	if (!inside)
		fprintf(stderr, "%s: %s at %.2f, %.2f\n", info->name, b->photo, x, y);
	heat_clear(&heat);
	image_clear(&picture);
	free(bytes);
	return inside;
}

/* Under sanitizers one network says enough. */
static void skip_when_quick(void)
{
	if (getenv("CONVD_TEST_QUICK"))
		SKIP("CONVD_TEST_QUICK");
}

static void look(const char *model, enum heat_method method)
{
	const struct cnn_load_options load = {.max_isa = cpu_isa(), .max_batch = 8};
	const struct see_options see = {.max_isa = cpu_isa()};
	const size_t n = sizeof boxes / sizeof boxes[0];
	char name[64];
	struct eye e;
	struct cnn_error err = {0};
	size_t inside = 0;
	snprintf(name, sizeof name, "models/%s", model);
	CHECK_INT(cnn_model_load(test_data(name), &load, &e.model, &err), CNN_OK);
	CHECK_INT(cnn_session_new(e.model, NULL, &e.session, &err), CNN_OK);
	CHECK_INT(see_open(test_data(name), NULL, &see, &e.see, &err), CNN_OK);
	for (size_t i = 0; i < n; i++)
		inside += in_box(&e, &boxes[i], method);
	printf("%s by %s: %zu of %zu\n", model, heat_method_name(method), inside, n);
	CHECK(inside * 100 >= n * 80);
	see_close(e.see);
	cnn_session_free(e.session);
	cnn_model_unref(e.model);
}

static void squeezenet(void)
{
	look("squeezenet1.1", HEAT_CAM);
	look("squeezenet1.1", HEAT_GRADCAM);
}

static void mobilenet(void)
{
	skip_when_quick();
	look("mobilenet_v1_0.25", HEAT_CAM);
	look("mobilenet_v2_1.0", HEAT_AUTO);
}

static void quantised(void)
{
	skip_when_quick();
	look("mobilenet_v2_1.0_qdq", HEAT_AUTO);
	look("mobilenetv2_int8_qoperator", HEAT_AUTO);
	look("efficientnet_lite0_qdq", HEAT_AUTO);
}

static void occlusion(void)
{
	skip_when_quick();
	look("mobilenet_v1_0.25", HEAT_OCCLUSION);
}

TEST_MAIN({"squeezenet", squeezenet}, {"mobilenet", mobilenet}, {"quantised", quantised},
          {"occlusion", occlusion})
