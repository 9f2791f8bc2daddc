/* fuzz_idx.c - any bytes as a folder of IDX files, as MNIST comes.
 *
 * The first byte says how long the labels' file and labels.txt are, and what is asked for; the pictures' file is
 * what is left. */
#include "engine/train.h"
#include "tests/fuzz/folder.h"

static struct part cut(struct part *from, size_t len)
{
	struct part taken = {from->bytes, len < from->len ? len : from->len};
	*from = (struct part){from->bytes + taken.len, from->len - taken.len};
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char *const names[] = {"train-labels-idx1-ubyte", "labels.txt",
	                                    "train-images-idx3-ubyte", NULL};
	struct part rest = {bytes, len};
	uint8_t head = len ? *cut(&rest, 1).bytes : 0;
	const struct dataset_options options = {.size = head & 128 ? 5 : 0,
	                                        .channels = head & 64 ? 3 : 0,
	                                        .val_fraction = 0.25,
	                                        .max_pixels = 1 << 14,
	                                        .max_bytes = (size_t)4 << 20};
	struct folder f = folder_new();
	folder_add(&f, names[0], cut(&rest, 8 + (head & 7)));
	if (head & 32)
		folder_add(&f, names[1], cut(&rest, 4 + (head >> 3 & 3)));
	folder_add(&f, names[2], rest);

	struct dataset *d = NULL;
	struct cnn_error err = {0};
	enum cnn_status status = dataset_open(f.path, &options, NULL, &d, &err);
	folder_remove(&f, names);
	if (status)
		check_refusal(status, &err);
	for (int split = 0; d && split < DATASET_SPLITS; split++)
		for (size_t i = 0; i < dataset_count(d, split); i++)
			check(dataset_get(d, split, i).cls < dataset_classes(d));
	dataset_free(d);
	return 0;
}
