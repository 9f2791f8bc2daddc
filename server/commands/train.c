/* convd train: pictures in folders -> a model's folder. */
#include "server/commands/commands.h"
#include "server/commands/train_files.h"
#include "server/commands/train_options.h"
#include "server/commands/train_progress.h"
#include "server/commands/train_report.h"
#include "server/commands/train_results.h"

#include "engine/base/cpu.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SKIPS_SHOWN = 10 };

struct training {
	const struct config *config;
	const char *data_path;
	char *data_name, *name, *network, *checkpoint;
	int lock; /* of the output folder; -1: not held */
	struct dataset_options data_options;
	struct train_options options;
	struct cnn_pool *pool;
	struct dataset *data;
	struct trainer *trainer;
	struct train_view view;
	size_t skipped;
};

/* --- signals ------------------------------------------------------------------------------------ */

/* The one place that a signal handler can reach. */
static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
	static const char text[] =
		"\nconvd train: stopping after this epoch; once more stops at once\n";
	(void)number;
	int code = errno;
	stop_asked = 1;
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
	(void)written;
	errno = code;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigemptyset(&action.sa_mask);
	stop_asked = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void release_signals(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

/* --- pictures ----------------------------------------------------------------------------------- */

static void on_skip(void *ctx, const char *file, const char *reason)
{
	struct training *t = ctx;
	if (t->skipped++ >= SKIPS_SHOWN)
		return;
	train_view_clear(&t->view);
	/* Files may be named as they like: this replaces control characters. */
	struct cnn_error line;
	cnn_fail(&line, CNN_IO, "left out %s: %s", file, reason);
	fprintf(stderr, "convd train: %s\n", line.text);
}

static void on_reading(void *ctx, size_t done, size_t total)
{
	struct training *t = ctx;
	train_view_reading(&t->view, done, total);
}

static enum cnn_status open_data(struct training *t, struct cnn_error *err)
{
	t->data_options.on_skip = on_skip;
	t->data_options.on_progress = on_reading;
	t->data_options.ctx = t;
	enum cnn_status status =
		dataset_open(t->data_path, &t->data_options, t->pool, &t->data, err);
	train_view_clear(&t->view);
	if (t->skipped > SKIPS_SHOWN)
		fprintf(stderr, "convd train: left out %zu files in all\n", t->skipped);
	if (!status)
		fprintf(stderr,
		        "%s: %zu classes, %zu pictures to train and %zu to validate, %" PRId32
		        " × %" PRId32 " pixels\n",
		        t->data_name, dataset_classes(t->data),
		        dataset_count(t->data, DATASET_TRAIN), dataset_count(t->data, DATASET_VAL),
		        dataset_size(t->data), dataset_size(t->data));
	return status;
}

/* --- the output folder -------------------------------------------------------------------------- */

/* What is there of an earlier training is neither overwritten nor silently gone on from. */
static enum cnn_status check_folder(const struct config *c, struct cnn_error *err)
{
	bool model = train_has_file(c->out, "model.onnx");
	bool checkpoint = train_has_file(c->out, "checkpoint");
	if (!c->resume && checkpoint)
		return cnn_fail(err, CNN_IO,
		                "%s has the checkpoint of a training: --resume goes on with it, or "
		                "name another folder",
		                c->out);
	if (model && !checkpoint)
		return cnn_fail(err, CNN_IO, "%s has a model already: name another folder", c->out);
	return CNN_OK;
}

static enum cnn_status open_folder(struct training *t, struct cnn_error *err)
{
	const struct config *c = t->config;
	enum cnn_status status = train_make_folder(c->out, err);
	if (!status)
		status = train_lock_folder(c->out, &t->lock, err);
	if (!status)
		status = check_folder(c, err);
	if (status)
		return status;
	t->data_name = train_path_name(t->data_path);
	t->name = c->name ? strdup(c->name) : train_path_name(c->out);
	t->network = c->from ? train_path_name(c->from) : strdup(c->arch);
	if (asprintf(&t->checkpoint, "%s/checkpoint", c->out) < 0)
		t->checkpoint = NULL;
	if (!t->data_name || !t->name || !t->network || !t->checkpoint)
		return cnn_fail_memory(err, "names of files", strlen(c->out));
	return CNN_OK;
}

/* --- training ----------------------------------------------------------------------------------- */

static void on_step(void *ctx, const struct train_progress *progress)
{
	struct training *t = ctx;
	train_view_step(&t->view, progress);
}

static enum cnn_status on_epoch(void *ctx, const struct train_epoch *epoch, struct cnn_error *err)
{
	struct training *t = ctx;
	train_view_epoch(&t->view, epoch, t->options.epochs);
	return trainer_save(t->trainer, t->checkpoint, err);
}

static bool on_stop(void *ctx)
{
	(void)ctx;
	return stop_asked != 0;
}

static size_t epochs_done(const struct training *t)
{
	size_t n;
	trainer_history(t->trainer, &n);
	return n;
}

static enum cnn_status resume(struct training *t, struct cnn_error *err)
{
	const char *out = t->config->out;
	if (!t->config->resume)
		return CNN_OK;
	if (!train_has_file(out, "checkpoint")) {
		fprintf(stderr, "%s has no checkpoint: starting anew\n", out);
		return CNN_OK;
	}
	enum cnn_status status = trainer_load(t->trainer, t->checkpoint, err);
	if (!status)
		fprintf(stderr, "going on after epoch %zu\n", epochs_done(t));
	return status;
}

static enum cnn_status train(struct training *t, struct cnn_error *err)
{
	const struct train_events events = {on_step, on_epoch, on_stop, t};
	enum cnn_status status = trainer_new(&t->options, t->data, t->pool, &t->trainer, err);
	if (status)
		return status;
	fprintf(stderr, "%s: %.2f million parameters, %.0f million multiplications a picture\n",
	        t->network, (double)trainer_parameters(t->trainer) * 1e-6,
	        (double)trainer_macs(t->trainer) * 1e-6);
	status = resume(t, err);
	if (status)
		return status;
	catch_signals();
	status = trainer_run(t->trainer, &events, err);
	release_signals();
	train_view_clear(&t->view);
	return status;
}

static enum cnn_status write_results(struct training *t, struct cnn_error *err)
{
	const char *out = t->config->out;
	size_t right = 0, val = dataset_count(t->data, DATASET_VAL);
	struct train_results results = {
		.dir = out,
		.name = t->name,
		.data = t->data_name,
		.network = t->network,
		.dataset = t->data,
		.trainer = t->trainer,
		.options = train_options_json(&t->options, &t->data_options),
		.keep_batch_norm = t->config->keep_batch_norm,
	};
	enum cnn_status status =
		results.options ? train_results_write(&results, &right, err)
				: cnn_fail(err, CNN_NO_MEMORY, "the options: out of memory");
	json_decref(results.options);
	if (status)
		return status;
	printf("%s: wrote model.onnx, labels.txt, model.json and report.html\n", out);
	if (val > 0)
		printf("validation accuracy %.2f%%, %zu of %zu pictures\n",
		       100.0 * (double)right / (double)val, right, val);
	printf("next: convd serve %s\n", out);
	return CNN_OK;
}

/* An interrupted training is no failure of anything, but there is no model either. */
static enum cnn_status check_finished(const struct training *t, struct cnn_error *err)
{
	size_t done = epochs_done(t);
	if (done >= (size_t)t->options.epochs)
		return CNN_OK;
	if (done == 0)
		return cnn_fail(err, CNN_IO, "stopped before the first epoch");
	return cnn_fail(err, CNN_IO, "stopped after epoch %zu; --resume goes on", done);
}

static enum cnn_status run(struct training *t, struct cnn_error *err)
{
	const struct config *c = t->config;
	if (access(t->data_path, R_OK) != 0)
		return cnn_fail(err, CNN_IO, "%s: %s", t->data_path, strerror(errno));
	enum cnn_status status = open_folder(t, err);
	if (status)
		return status;
	size_t threads = c->threads ? (size_t)c->threads : cpu_count();
	t->pool = cnn_pool_new(threads);
	if (!t->pool)
		return cnn_fail(err, CNN_NO_MEMORY, "out of memory for %zu threads", threads);
	status = open_data(t, err);
	if (!status)
		status = train(t, err);
	if (!status)
		status = check_finished(t, err);
	if (!status)
		status = write_results(t, err);
	return status;
}

static void clear(struct training *t)
{
	trainer_free(t->trainer);
	dataset_free(t->data);
	cnn_pool_free(t->pool);
	if (t->lock >= 0)
		close(t->lock);
	free(t->data_name);
	free(t->name);
	free(t->network);
	free(t->checkpoint);
}

static int usage(const char *text)
{
	fprintf(stderr, "convd train: %s\nTry 'convd train --help'\n", text);
	return 2;
}

int command_train(const struct config *config)
{
	struct training t = {.config = config, .lock = -1, .view = train_view_of(stderr)};
	struct cnn_error err;
	if (config->n_args != 1)
		return usage("name one folder or .tar of pictures");
	if (!config->out)
		return usage("--out is missing: the folder that gets the model");
	t.data_path = config->args[0];
	enum cnn_status status =
		train_options_decide(config, t.data_path, &t.data_options, &t.options, &err);
	if (status == CNN_BAD_ARG)
		return usage(err.text);
	if (!status)
		status = run(&t, &err);
	clear(&t);
	if (status)
		fprintf(stderr, "convd train: %s\n", err.text);
	return status != CNN_OK;
}

void command_train_help(FILE *out)
{
	fputs("\nDATA: a folder or .tar of CLASS/picture.jpg, or of train/CLASS/... with val/ or "
	      "test/ beside it;\nor a folder of IDX files, as MNIST's.\n\nnetworks:\n",
	      out);
	for (const struct train_arch *a = train_archs; a->name; a++)
		fprintf(out, "  %-30s %s\n", a->name, a->summary);
}
