/* test_train_no_memory.c - each allocation of a report fails in turn: every time a clean CNN_NO_MEMORY. */
#include "server/commands/train_report.h"
#include "tests/test.h"

#if defined(__has_feature)
#	if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
		__has_feature(memory_sanitizer)
#		define SANITIZED
#	endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define SANITIZED
#endif

#ifdef SANITIZED
static void every_allocation_fails(void)
{
	SKIP("a sanitizer has an allocator of its own");
}
#else
/* glibc's own allocator under its second name; this program's calls come to the functions below. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static long countdown = -1; /* allocations until the one that fails; negative: none does */

static bool fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}

enum { SIDE = 250, CLASSES = 50, VAL = 6, MAX_ALLOCATIONS = 5000 };

static void check_report(size_t classes)
{
	static uint8_t px[3 * SIDE * SIDE];
	static const struct image picture = {px, SIDE, SIDE, 3};
	static const struct train_epoch epoch = {
		.epoch = 1, .train_loss = 1, .val_loss = 1, .val_accuracy = 0.5};
	static const float filter[27] = {1};
	const char *names[CLASSES];
	struct report_guess guess[VAL];
	for (size_t i = 0; i < CLASSES; i++)
		names[i] = "name";
	for (uint32_t i = 0; i < VAL; i++)
		guess[i] = (struct report_guess){0, i % 2, 0.5f, &picture, "file"};
	const struct report_data d = {.name = "name",
	                              .data = "data",
	                              .network = "network",
	                              .version = "1",
	                              .class_name = names,
	                              .classes = classes,
	                              .train = 4,
	                              .val = VAL,
	                              .size = 8,
	                              .channels = 3,
	                              .epoch = &epoch,
	                              .n_epochs = 1,
	                              .guess = guess,
	                              .filter = filter,
	                              .n_filters = 1,
	                              .filter_channels = 3,
	                              .filter_height = 3,
	                              .filter_width = 3};
	char *whole, *html;
	size_t whole_len, len;
	CHECK_INT(train_report(&d, &whole, &whole_len, NULL), CNN_OK);
	for (long i = 0; i < MAX_ALLOCATIONS; i++) {
		struct cnn_error err = {0};
		countdown = i;
		enum cnn_status status = train_report(&d, &html, &len, &err);
		bool all = countdown >= 0;
		countdown = -1;
		/* a stream does without a buffer of its own, too */
		if (status == CNN_OK) {
			CHECK(len == whole_len && memcmp(html, whole, len) == 0);
		} else {
			CHECK_INT(status, CNN_NO_MEMORY);
			CHECK(!html && err.text[0]);
		}
		free(html);
		if (all) {
			free(whole);
			return;
		}
	}
	CHECK(!"there is an end to the allocations");
}

static void every_allocation_fails(void)
{
	check_report(2);
	check_report(CLASSES);
}
#endif

TEST_MAIN({"every_allocation_fails", every_allocation_fails})
