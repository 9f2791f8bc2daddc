/* test_train.c - the command, with a training that takes no time. */
#include "tests/unit/server/fake_train.h"

#include "engine/run/describe.h"
#include "server/commands/commands.h"
#include "server/commands/train_files.h"
#include "server/commands/train_options.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>

static char dir[64], out[96], data[96];
static char told[65536], printed[4096]; /* what the last convd() wrote to stderr and stdout */

static void prepare(void)
{
	strcpy(dir, "/tmp/convd-test-XXXXXX");
	CHECK(mkdtemp(dir));
	snprintf(out, sizeof out, "%s/deep/out", dir);
	snprintf(data, sizeof data, "%s/data", dir);
	CHECK_INT(mkdir(data, 0777), 0);
}

static void clean_up(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	CHECK_INT(system(command), 0);
}

static void take_in(FILE *f, char *text, size_t size)
{
	fflush(f);
	rewind(f);
	text[fread(text, 1, size - 1, f)] = '\0';
	fclose(f);
}

static enum cnn_status read_words(const char *const *words, struct config *config,
                                  struct cnn_error *err)
{
	char *argv[32];
	int n = 0;
	for (; words[n]; n++)
		argv[n] = (char *)words[n];
	return config_read(CMD_TRAIN, n, argv, config, err);
}

/* Run the command as a shell would; its exit status. */
static int run_words(const char *const *words)
{
	struct config config;
	struct cnn_error err = {0};
	CHECK_INT(read_words(words, &config, &err), CNN_OK);
	int streams[] = {STDOUT_FILENO, STDERR_FILENO}, kept[2];
	FILE *file[2];
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		file[i] = tmpfile();
		CHECK(file[i]);
		kept[i] = dup(streams[i]);
		CHECK(dup2(fileno(file[i]), streams[i]) >= 0);
	}
	int code = command_train(&config);
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		dup2(kept[i], streams[i]);
		close(kept[i]);
	}
	take_in(file[0], printed, sizeof printed);
	take_in(file[1], told, sizeof told);
	config_clear(&config);
	return code;
}

#define TRAIN(...) run_words((const char *const[]){__VA_ARGS__, NULL})

static void check_told(const char *part)
{
	if (strstr(told, part))
		return;
	fprintf(stderr, "\"%s\" is not in \"%s\"\n", part, told);
	exit(TEST_EXIT_FAILED);
}

static char *content(const char *name)
{
	char path[256];
	size_t len;
	snprintf(path, sizeof path, "%s/%s", out, name);
	char *text = (char *)test_read(path, &len);
	text = realloc(text, len + 1);
	CHECK(text);
	text[len] = '\0';
	return text;
}

static void check_content(const char *name, const char *want)
{
	char *text = content(name);
	CHECK_STR(text, want);
	free(text);
}

static void a_training_leaves_everything(void)
{
	prepare();
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "3"), 0);
	check_told("data: 3 classes, 30 pictures to train and 12 to validate");
	check_told("epoch 3/3  loss 1.500  accuracy 50.0%  validation: loss 1.250  accuracy "
	           "75.0%  2 s\n");
	CHECK(strstr(printed, "validation accuracy 91.67%, 11 of 12 pictures\n"));
	CHECK(strstr(printed, "next: convd serve "));
	check_content("model.onnx", "folded");
	check_content("labels.txt", "alp\nb?<i>\nsee \xc3\xa4\n");
	check_content("checkpoint", "3 of 3");
	char *html = content("report.html");
	CHECK(strstr(html, "<h1>out</h1>") && strstr(html, "b?&lt;i&gt;"));
	free(html);
	clean_up();
}

/* The description is what the server reads, and says where the model comes from. */
static void the_description_is_read_back(void)
{
	struct description d;
	struct cnn_error err = {0};
	struct arena *arena = arena_new();
	prepare();
	fake.skips = 2;
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "2", "--name", "my model", "--seed", "7"),
	          0);
	CHECK_INT(describe_read(out, arena, &d, &err), CNN_OK);
	CHECK_STR(d.name, "my model");
	CHECK_STR(d.labels, "labels.txt");
	CHECK_STR(d.precision, "fp32");
	CHECK_INT(d.width, FAKE_SIDE);
	CHECK_INT(d.height, FAKE_SIDE);
	CHECK_INT(d.resize_short, FAKE_SIDE + 1);
	CHECK(d.has_crop && d.crop == IMAGE_CROP_CENTER);
	CHECK(d.has_channels && d.channels == CNN_CHANNELS_RGB);
	CHECK(d.has_activation && d.activation == CNN_OUTPUT_SOFTMAX);
	/* value = pixel * scale / std - mean / std */
	CHECK_NEAR(d.scale, 1.0 / 255, 1e-12);
	CHECK_NEAR(d.mean[2], 0.3, 1e-12);
	CHECK_NEAR(d.std[2], 0.25, 1e-12);
	char *text = content("model.json");
	json_t *root = json_loads(text, 0, NULL);
	CHECK(root);
	const char *path, *fingerprint, *arch, *version;
	double accuracy, lr, seconds;
	int skipped, epochs, seed;
	CHECK_INT(json_unpack(root,
	                      "{s:{s:{s:s, s:i, s:s}, s:s, s:{s:f, s:i}, s:i, s:{s:f}, s:f, s:s}}",
	                      "training", "data", "path", &path, "skipped", &skipped, "fingerprint",
	                      &fingerprint, "arch", &arch, "options", "lr", &lr, "seed", &seed,
	                      "epochs", &epochs, "metrics", "val_accuracy", &accuracy, "seconds",
	                      &seconds, "convd", &version),
	          0);
	CHECK_STR(path, "data");
	CHECK_STR(fingerprint, "0000000000abcdef");
	CHECK_STR(arch, "resnet-small");
	CHECK_NEAR(accuracy, 11.0 / 12, 1e-9);
	CHECK_NEAR(lr, 0.05, 1e-9);
	CHECK_NEAR(seconds, 4, 1e-9);
	CHECK(skipped == 2 && epochs == 2 && seed == 7);
	json_decref(root);
	free(text);
	arena_free(arena);
	clean_up();
}

static void without_validation_nothing_is_claimed(void)
{
	prepare();
	fake.no_val = true;
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "1", "--keep-batch-norm"), 0);
	CHECK(!strstr(printed, "accuracy"));
	check_content("model.onnx", "whole");
	char *text = content("model.json");
	CHECK(strstr(text, "\"val_accuracy\": null"));
	free(text);
	clean_up();
}

static void nothing_is_overwritten(void)
{
	char model[128];
	prepare();
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "1"), 0);
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "1"), 1);
	check_told("has the checkpoint of a training: --resume goes on with it");
	snprintf(model, sizeof model, "%s/x", dir);
	CHECK_INT(mkdir(model, 0777), 0);
	CHECK_INT(train_write_file(model, "model.onnx", "mine", 4, NULL), CNN_OK);
	CHECK_INT(TRAIN(data, "--out", model, "--epochs", "1"), 1);
	check_told("has a model already");
	CHECK_INT(TRAIN(data, "--out", model, "--epochs", "1", "--resume"), 1);
	CHECK_INT(fake.runs, 1);
	clean_up();
}

static void a_folder_in_use_is_refused(void)
{
	int lock;
	prepare();
	CHECK_INT(train_make_folder(out, NULL), CNN_OK);
	CHECK_INT(train_lock_folder(out, &lock, NULL), CNN_OK);
	CHECK_INT(TRAIN(data, "--out", out), 1);
	check_told("is in use by another convd train");
	close(lock);
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "1"), 0);
	clean_up();
}

static void a_signal_stops_after_the_epoch(void)
{
	prepare();
	fake.stop_epoch = 2;
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "4"), 1);
	check_told("stopping after this epoch");
	check_told("stopped after epoch 2; --resume goes on\n");
	CHECK(!train_has_file(out, "model.onnx") && !train_has_file(out, "model.json"));
	check_content("checkpoint", "2 of 4");
	fake.stop_epoch = 0;
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "5", "--resume"), 1);
	check_told("is of other options");
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "4", "--resume"), 0);
	check_told("going on after epoch 2\n");
	CHECK_INT(fake.runs, 4);
	check_content("model.onnx", "folded");
	clean_up();
}

/* Whoever asks twice does not wait. */
static void a_second_signal_ends_at_once(void)
{
	prepare();
	pid_t pid = fork();
	if (pid == 0) {
		fake.stop_epoch = 2;
		fake.stop_twice = true;
		TRAIN(data, "--out", out, "--epochs", "4");
		exit(0);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	check_content("checkpoint", "1 of 4");
	clean_up();
}

static void resuming_nothing_starts_anew(void)
{
	prepare();
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "1", "--resume"), 0);
	check_told("has no checkpoint: starting anew");
	/* what is finished is only written again */
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "1", "--resume"), 0);
	CHECK_INT(fake.runs, 1);
	clean_up();
}

static void failures_leave_the_checkpoint(void)
{
	prepare();
	fake.nan_epoch = 3;
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "4"), 1);
	check_told("convd train: epoch 3, step 1: the loss is nan\n");
	check_content("checkpoint", "2 of 4");
	fake.nan_epoch = 0;
	fake.disk_full = true;
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "4", "--resume"), 1);
	check_told("/model.onnx: No space left on device\n");
	check_content("checkpoint", "4 of 4");
	fake.disk_full = false;
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "4", "--resume"), 0);
	clean_up();
}

static void a_few_skipped_files_are_named(void)
{
	prepare();
	fake.skips = 500;
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "1"), 0);
	size_t named = 0;
	for (const char *p = told; (p = strstr(p, "left out a/b.jpg: not a picture\n")); p++)
		named++;
	CHECK_INT(named, 10);
	check_told("left out 500 files in all\n");
	clean_up();
}

static void mistakes_of_use_end_with_2(void)
{
	prepare();
	CHECK_INT(TRAIN("--out", out), 2);
	CHECK_INT(TRAIN(data, data, "--out", out), 2);
	CHECK_INT(TRAIN(data), 2);
	check_told("--out is missing");
	CHECK_INT(TRAIN(data, "--out", out, "--arch", "none"), 2);
	check_told("--arch=none: must be one of resnet-small, tiny\n");
	CHECK_INT(TRAIN(data, "--out", out, "--unfreeze"), 2);
	CHECK_INT(TRAIN(data, "--out", out, "--size", "15"), 2);
	check_told("--size=15: must be at least 16\n");
	CHECK_INT(TRAIN(data, "--out", out, "--size", "40", "--resize-short", "39"), 2);
	check_told("--resize-short=39: must be at least the input's size, 40\n");
	CHECK(!train_has_file(dir, "deep"));
	/* these are failures */
	CHECK_INT(TRAIN("/none/such", "--out", out), 1);
	check_told("/none/such: No such file or directory");
	CHECK(!train_has_file(dir, "deep"));
	CHECK_INT(TRAIN(data, "--out", out, "--from", "/none/such.onnx"), 1);
	check_told("/none/such.onnx");
	clean_up();
}

static void what_is_not_said_is_decided(void)
{
	static const struct {
		const char *words[10];
		double lr, warmup;
		int32_t epochs, batch, size, resize_short;
	} cases[] = {
		{{"d"}, 0.05, 2, 60, 64, 96, 0},
		{{"d", "--batch", "128", "--arch", "tiny"}, 0.1, 2, 60, 128, 32, 32},
		{{"d", "--optimizer", "adamw", "--epochs", "1"}, 0.002, 0.5, 1, 64, 96, 0},
		{{"d", "--lr", "0.3", "--size", "48", "--warmup", "0"}, 0.3, 0, 60, 64, 48, 48},
		{{"d", "--size", "64", "--resize-short", "70"}, 0.05, 2, 60, 64, 64, 70},
		{{"d", "--resize-short", "96"}, 0.05, 2, 60, 64, 96, 96},
		{{"d", "--size", "65"}, 0.05, 2, 60, 64, 65, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct config c;
		struct dataset_options d;
		struct train_options t;
		struct cnn_error err = {0};
		CHECK_INT(read_words(cases[i].words, &c, &err), CNN_OK);
		CHECK_INT(train_options_decide(&c, "d", &d, &t, &err), CNN_OK);
		CHECK_NEAR(t.lr, cases[i].lr, 1e-12);
		CHECK_NEAR(t.warmup, cases[i].warmup, 1e-12);
		CHECK_INT(t.epochs, cases[i].epochs);
		CHECK_INT(t.batch, cases[i].batch);
		CHECK_INT(d.size, cases[i].size);
		CHECK_INT(d.resize_short, cases[i].resize_short);
		CHECK(t.seed == 1 && d.seed == 1 && t.augment.flip && t.momentum == 0.9);
		config_clear(&c);
	}
}

static void a_model_says_how_its_pictures_are(void)
{
	char model[4096];
	snprintf(model, sizeof model, "%s", test_data("models/mnist-8"));
	prepare();
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "1", "--from", model), 0);
	CHECK_INT(fake.data.size, 28);
	CHECK_INT(fake.data.channels, 1);
	CHECK(fake.data.resize_short >= 28);
	CHECK_STR(fake.from, model);
	CHECK(fake.options.arch == NULL && !fake.options.unfreeze);
	char *text = content("model.json");
	CHECK(strstr(text, "\"arch\": \"mnist-8\"") && strstr(text, "\"from\": \"mnist-8\""));
	free(text);
	CHECK_INT(TRAIN(data, "--out", data, "--from", model), 0);
	CHECK_INT(fake.options.epochs, 100);
	CHECK_NEAR(fake.options.lr, 1, 1e-12);
	clean_up();
	prepare();
	CHECK_INT(TRAIN(data, "--out", out, "--from", model, "--unfreeze"), 0);
	CHECK_INT(fake.options.epochs, 60);
	CHECK_NEAR(fake.options.lr, 0.01, 1e-12);
	clean_up();
}

static void idx_files_keep_their_size(void)
{
	prepare();
	CHECK_INT(train_write_file(data, "train-images.idx3-ubyte", "x", 1, NULL), CNN_OK);
	CHECK_INT(train_write_file(data, "labels.txt", "x", 1, NULL), CNN_OK);
	CHECK_INT(TRAIN(data, "--out", out, "--epochs", "1"), 0);
	CHECK_INT(fake.data.size, 0);
	/* also within a folder that holds nothing else */
	CHECK_INT(TRAIN(dir, "--out", out, "--epochs", "1", "--resume"), 0);
	CHECK_INT(fake.data.size, 96);
	clean_up();
	prepare();
	CHECK_INT(train_write_file(data, "t10k-images-idx3-ubyte", "x", 1, NULL), CNN_OK);
	snprintf(out, sizeof out, "%s-out", dir);
	CHECK_INT(TRAIN(dir, "--out", out, "--epochs", "1"), 0);
	CHECK_INT(fake.data.size, 0);
	clean_up();
	strcpy(dir, out);
	clean_up();
}

TEST_MAIN({"a_training_leaves_everything", a_training_leaves_everything},
          {"the_description_is_read_back", the_description_is_read_back},
          {"without_validation_nothing_is_claimed", without_validation_nothing_is_claimed},
          {"nothing_is_overwritten", nothing_is_overwritten},
          {"a_folder_in_use_is_refused", a_folder_in_use_is_refused},
          {"a_signal_stops_after_the_epoch", a_signal_stops_after_the_epoch},
          {"a_second_signal_ends_at_once", a_second_signal_ends_at_once},
          {"resuming_nothing_starts_anew", resuming_nothing_starts_anew},
          {"failures_leave_the_checkpoint", failures_leave_the_checkpoint},
          {"a_few_skipped_files_are_named", a_few_skipped_files_are_named},
          {"mistakes_of_use_end_with_2", mistakes_of_use_end_with_2},
          {"what_is_not_said_is_decided", what_is_not_said_is_decided},
          {"a_model_says_how_its_pictures_are", a_model_says_how_its_pictures_are},
          {"idx_files_keep_their_size", idx_files_keep_their_size})
