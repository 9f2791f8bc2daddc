/* fuzz_tar.c - any bytes as a .tar of pictures to learn from. */
#include "engine/train.h"
#include "tests/fuzz/target.h"

#define MAX_PIXELS (1 << 14)
#define MAX_BYTES  ((size_t)4 << 20)

static void check_dataset(const struct dataset *d)
{
	for (int split = 0; split < DATASET_SPLITS; split++) {
		for (size_t i = 0; i < dataset_count(d, split); i++) {
			struct dataset_sample s = dataset_get(d, split, i);
			check(s.picture->px && s.cls < dataset_classes(d) && s.file);
			check(s.picture->channels == dataset_channels(d));
		}
	}
	check(dataset_classes(d) >= 2 && dataset_size(d) >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct dataset_options options = {
		.size = 8, .val_fraction = 0.2, .max_pixels = MAX_PIXELS, .max_bytes = MAX_BYTES};
	struct dataset *d = NULL;
	struct cnn_error err = {0};
	char path[64];
	int fd = memory_file(bytes, len, path);
	enum cnn_status status = dataset_open(path, &options, NULL, &d, &err);
	if (status)
		check_refusal(status, &err);
	else
		check_dataset(d);
	dataset_free(d);
	close(fd);
	return 0;
}
