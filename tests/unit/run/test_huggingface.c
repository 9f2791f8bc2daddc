#include "engine/run/huggingface.h"
#include "tests/test.h"

static struct arena *arena; /* of a whole test */

/* One reading of one text. */
struct reading {
	struct description d;
	struct label_list labels;
	struct assumptions assumed;
	struct cnn_error err;
};

typedef enum cnn_status reader_fn(const char *dir, struct reading *r);

static enum cnn_status config(const char *dir, struct reading *r)
{
	return huggingface_config(dir, arena, &r->d, &r->labels, &r->assumed, &r->err);
}

static enum cnn_status preprocessor(const char *dir, struct reading *r)
{
	return huggingface_preprocessor(dir, arena, &r->d, &r->assumed, &r->err);
}

/* `r` may have things in it that are known already. */
static enum cnn_status read_text(reader_fn *read, const char *text, struct reading *r)
{
	char dir[] = "/tmp/convd-huggingface-XXXXXX", path[128];
	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/%s", dir,
	         read == config ? "config.json" : "preprocessor_config.json");
	FILE *f = text ? fopen(path, "wb") : NULL;
	CHECK(!text || (f && fputs(text, f) >= 0 && fclose(f) == 0));
	if (!arena)
		arena = arena_new();
	r->assumed.arena = arena;
	enum cnn_status status = read(dir, r);
	unlink(path);
	CHECK_INT(rmdir(dir), 0);
	return status;
}

static void reads(reader_fn *read, const char *text, struct reading *r)
{
	if (read_text(read, text, r) != CNN_OK)
		CHECK_STR(r->err.text, "");
}

static bool tells(const struct reading *r, const char *part)
{
	for (size_t i = 0; i < r->assumed.n; i++)
		if (strstr(r->assumed.text[i], part))
			return true;
	return false;
}

static void no_file_says_nothing(void)
{
	struct reading r = {0};
	reads(config, NULL, &r);
	reads(preprocessor, NULL, &r);
	CHECK(r.assumed.n == 0 && !r.labels.n && !r.d.has_crop && !r.d.has_scale);
	reads(config, "{}", &r);
	reads(preprocessor, "{\"sampling_rate\": 16000, \"do_normalize\": true}", &r);
	CHECK(r.assumed.n == 0 && !r.labels.n && !r.d.has_crop && !r.d.has_scale);
}

static void labels(void)
{
	struct reading r = {0};
	reads(config,
	      "{\"id2label\": {\"1\": \"dog\", \"0\": \"c\\u00e4t\", \"2\": \"x\\ty\"}, "
	      "\"num_channels\": 3, \"architectures\": [\"X\"]}",
	      &r);
	CHECK_INT(r.labels.n, 3);
	CHECK_STR(r.labels.label[0], "c\xc3\xa4t");
	CHECK_STR(r.labels.label[1], "dog");
	CHECK_STR(r.labels.label[2], "x?y");
	CHECK_STR(r.labels.by, "config.json");
	CHECK_INT(r.d.input_channels, 3);
	CHECK(!r.d.has_activation && r.assumed.n == 1 && tells(&r, "labels: 3 from config.json"));
	/* labels.txt was there */
	static const char *const own[] = {"own"};
	struct reading known = {.labels = {.label = own, .n = 1}};
	reads(config, "{\"id2label\": {\"0\": \"a\", \"1\": \"b\"}}", &known);
	CHECK(known.labels.n == 1 && known.assumed.n == 0);
}

static void problem_types(void)
{
	struct reading many = {0}, one = {0}, number = {0},
		       known = {.d = {.has_activation = true, .activation = CNN_OUTPUT_NONE}};
	reads(config, "{\"problem_type\": \"multi_label_classification\"}", &many);
	CHECK(many.d.has_activation && many.d.activation == CNN_OUTPUT_SIGMOID);
	CHECK(tells(&many, "sigmoid"));
	reads(config, "{\"problem_type\": \"single_label_classification\"}", &one);
	CHECK(!one.d.has_activation && one.assumed.n == 0);
	reads(config, "{\"problem_type\": \"regression\"}", &number);
	CHECK(number.d.has_activation && number.d.activation == CNN_OUTPUT_NONE);
	reads(config, "{\"problem_type\": \"multi_label_classification\"}", &known);
	CHECK(known.d.activation == CNN_OUTPUT_NONE && known.assumed.n == 0);
}

#define IMAGENET "\"image_mean\": [0.485, 0.456, 0.406], \"image_std\": [0.229, 0.224, 0.225]"

static void ways_to_the_size(void)
{
	static const struct {
		const char *text;
		enum image_crop crop;
		int32_t resize_short, height, width;
		const char *told;
	} cases[] = {
		/* MobileNetV2 */
		{"{\"do_resize\": true, \"size\": {\"shortest_edge\": 256}, \"do_center_crop\": "
	         "true, \"crop_size\": {\"height\": 224, \"width\": 192}, \"resample\": 2}",
	         IMAGE_CROP_CENTER, 256, 224, 192, "crop: center, resize_short: 256"},
		/* ViT, old and new */
		{"{\"size\": 224, \"resample\": 2}", IMAGE_CROP_NONE, 0, 224, 224, "crop: none"},
		{"{\"size\": {\"height\": 96, \"width\": 128}}", IMAGE_CROP_NONE, 0, 96, 128,
	         "crop: none"},
		{"{\"size\": [96, 128]}", IMAGE_CROP_NONE, 0, 96, 128, "crop: none"},
		/* ConvNeXt and ResNet */
		{"{\"crop_pct\": 0.875, \"size\": 224, \"resample\": 3}", IMAGE_CROP_CENTER, 256,
	         224, 224, "interpolation: bilinear, the nearest to the bicubic filter"},
		{"{\"crop_pct\": 0.95, \"size\": {\"shortest_edge\": 224}}", IMAGE_CROP_CENTER, 235,
	         224, 224, "resize_short: 235"},
		{"{\"crop_pct\": 0.95, \"size\": {\"shortest_edge\": 384}}", IMAGE_CROP_NONE, 0,
	         384, 384, "crop: none"},
		/* CLIP, old */
		{"{\"size\": 224, \"do_center_crop\": true, \"crop_size\": 224, \"resample\": 0}",
	         IMAGE_CROP_CENTER, 224, 224, 224, "nearest filter"},
		/* DeiT */
		{"{\"size\": {\"height\": 256, \"width\": 256}, \"do_center_crop\": true, "
	         "\"crop_size\": {\"height\": 224, \"width\": 224}}",
	         IMAGE_CROP_CENTER, 256, 224, 224, "convd keeps the shape"},
		/* BEiT: a crop that is switched off */
		{"{\"size\": {\"height\": 224, \"width\": 224}, \"do_center_crop\": false, "
	         "\"crop_size\": {\"height\": 192, \"width\": 192}}",
	         IMAGE_CROP_NONE, 0, 224, 224, "crop: none"},
		{"{\"size\": {\"shortest_edge\": 224}}", IMAGE_CROP_CENTER, 224, 224, 224,
	         "cuts nothing off"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct reading r = {0};
		reads(preprocessor, cases[i].text, &r);
		CHECK(r.d.has_crop);
		CHECK_INT(r.d.crop, cases[i].crop);
		CHECK_INT(r.d.resize_short, cases[i].resize_short);
		CHECK_INT(r.d.height, cases[i].height);
		CHECK_INT(r.d.width, cases[i].width);
		CHECK(strstr(r.d.fit_by, "preprocessor_config.json") && r.d.size_by == r.d.fit_by);
		if (!tells(&r, cases[i].told))
			CHECK_STR(cases[i].text, cases[i].told);
	}
}

static void ways_that_are_not_known(void)
{
	struct reading none = {0}, odd = {0};
	reads(preprocessor, "{\"do_resize\": false, \"size\": 224}", &none);
	CHECK(!none.d.has_crop && !none.d.width && tells(&none, "resizes nothing"));
	reads(preprocessor, "{\"size\": {\"longest_edge\": 224}}", &odd);
	CHECK(!odd.d.has_crop && !odd.d.width && tells(&odd, "does not know"));
}

static void values(void)
{
	static const struct {
		const char *text;
		double scale, mean, std; /* of the second channel */
	} cases[] = {
		{"{" IMAGENET "}", 1.0 / 255, 0.456, 0.224},
		{"{\"do_normalize\": true, \"do_rescale\": true, \"rescale_factor\": 0.5, " IMAGENET
	         "}",
	         0.5, 0.456, 0.224},
		{"{\"do_rescale\": false, \"image_mean\": 127.5, \"image_std\": [64, 32, 16]}", 1,
	         127.5, 32},
		{"{\"do_normalize\": false, " IMAGENET "}", 1.0 / 255, 0, 1},
		{"{\"do_normalize\": false, \"do_rescale\": false}", 1, 0, 1},
		/* EfficientNet */
		{"{\"do_normalize\": true, \"include_top\": true, \"rescale_offset\": false, "
	         "\"rescale_factor\": 0.00392156862745098, \"image_mean\": [0.485, 0.456, 0.406], "
	         "\"image_std\": [0.4, 0.5, 0.6]}",
	         1.0 / 255, 0.456, 0.25},
		{"{\"do_normalize\": false, \"rescale_offset\": true, \"rescale_factor\": "
	         "0.00784313725490196}",
	         1 / 127.5, 1, 1},
		/* MobileViT */
		{"{\"do_flip_channel_order\": true, \"do_rescale\": true}", 1.0 / 255, 0, 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct reading r = {0};
		reads(preprocessor, cases[i].text, &r);
		CHECK(r.d.has_scale && r.d.has_mean && r.d.has_std && r.d.values_by);
		CHECK_NEAR(r.d.scale, cases[i].scale, 1e-12);
		CHECK_NEAR(r.d.mean[1], cases[i].mean, 1e-12);
		CHECK_NEAR(r.d.std[1], cases[i].std, 1e-12);
		CHECK(tells(&r, "scale, mean, std"));
		CHECK(r.d.has_channels == (strstr(cases[i].text, "flip") != NULL));
	}
	/* normalised, but nobody says how */
	struct reading r = {0};
	reads(preprocessor, "{\"do_normalize\": true}", &r);
	CHECK(!r.d.has_scale && r.assumed.n == 0);
}

static void model_json_is_stronger(void)
{
	struct reading r = {.d = {.width = 64,
	                          .size_by = "m",
	                          .resize_short = 70,
	                          .fit_by = "m",
	                          .has_channels = true,
	                          .channels_by = "m",
	                          .has_mean = true,
	                          .mean = {9, 9, 9},
	                          .has_interpolation = true,
	                          .values_by = "m"}};
	reads(preprocessor,
	      "{\"size\": {\"shortest_edge\": 256}, \"crop_size\": 224, \"resample\": 3, "
	      "\"do_flip_channel_order\": true, " IMAGENET "}",
	      &r);
	CHECK(r.d.width == 64 && r.d.height == 0 && r.d.resize_short == 70 && !r.d.has_crop);
	CHECK(r.d.channels == CNN_CHANNELS_RGB && r.d.mean[0] == 9 && !r.d.has_std);
	CHECK_INT(r.assumed.n, 0);
}

static void refuses(reader_fn *read, const char *text, const char *says)
{
	struct reading r = {0};
	CHECK_INT(read_text(read, text, &r), CNN_BAD_MODEL);
	if (!strstr(r.err.text, says) || strchr(r.err.text, '\n'))
		CHECK_STR(r.err.text, says);
	CHECK(strstr(r.err.text,
	             read == config ? "/config.json: " : "/preprocessor_config.json: "));
}

static void refuses_what_is_wrong(void)
{
	static const struct {
		reader_fn *read;
		const char *text, *says;
	} cases[] = {
		{config, "", "line 1"},
		{config, "[]", "not a JSON object"},
		{config, "{\"id2label\": {\"0\": \"a\", \"0\": \"b\"}}", "line 1"},
		{config, "{\"id2label\": [\"a\"]}", "\"id2label\" must be an object"},
		{config, "{\"id2label\": {\"0\": \"a\", \"2\": \"b\"}}", "\"id2label\" must be"},
		{config, "{\"id2label\": {\"0\": \"a\", \"01\": \"b\"}}", "\"id2label\" must be"},
		{config, "{\"id2label\": {\"-1\": \"a\"}}", "\"id2label\" must be"},
		{config, "{\"id2label\": {\"99999999999999999999\": \"a\"}}",
	         "\"id2label\" must be"},
		{config, "{\"id2label\": {\"0\": 7}}", "\"id2label\" must be"},
		{config, "{\"problem_type\": 1}", "\"problem_type\" must be a string"},
		{config, "{\"num_channels\": \"3\"}", "\"num_channels\" must be"},
		{preprocessor, "{\"size\": \"x\"}", "\"size\" must be"},
		{preprocessor, "{\"size\": 0}", "\"size\" must be"},
		{preprocessor, "{\"size\": 1.5}", "\"size\" must be"},
		{preprocessor, "{\"size\": [224]}", "\"size\" must be"},
		{preprocessor, "{\"size\": [224, -1]}", "\"width\" must be"},
		{preprocessor, "{\"size\": {\"shortest_edge\": 99999}}",
	         "\"shortest_edge\" must be"},
		{preprocessor, "{\"crop_size\": {\"height\": \"224\"}}", "\"height\" must be"},
		{preprocessor, "{\"do_resize\": 1}", "\"do_resize\" must be true or false"},
		{preprocessor, "{\"crop_pct\": 0}", "\"crop_pct\" must be"},
		{preprocessor, "{\"crop_pct\": 1.1}", "\"crop_pct\" must be at most 1"},
		{preprocessor, "{\"resample\": 6}", "\"resample\" must be"},
		{preprocessor, "{\"resample\": \"bicubic\"}", "\"resample\" must be"},
		{preprocessor, "{\"rescale_factor\": -1}", "\"rescale_factor\" must be"},
		{preprocessor, "{\"image_mean\": [1, 2]}", "\"image_mean\" must be one"},
		{preprocessor, "{\"image_std\": [1, 0, 1]}", "\"image_std\" must be other than 0"},
		{preprocessor, "{\"image_std\": [1, \"x\", 1]}", "\"image_std\" must be numbers"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		refuses(cases[i].read, cases[i].text, cases[i].says);
	/* deeper than a parser should follow */
	char *deep = malloc(200001);
	CHECK(deep != NULL);
	memset(deep, '[', 200000);
	deep[200000] = '\0';
	refuses(config, deep, "line 1");
	free(deep);
}

TEST_MAIN({"no_file_says_nothing", no_file_says_nothing}, {"labels", labels},
          {"problem_types", problem_types}, {"ways_to_the_size", ways_to_the_size},
          {"ways_that_are_not_known", ways_that_are_not_known}, {"values", values},
          {"model_json_is_stronger", model_json_is_stronger},
          {"refuses_what_is_wrong", refuses_what_is_wrong})
