/* external.c - tensors whose bytes lie in another file. */
#include "engine/onnx/external.h"
#include "tests/unit/onnx/model.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char dir[] = "/tmp/convd-external-XXXXXX";
static char beside[64]; /* the model's path; nobody reads it here */

static const char *path_of(const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(path_of(name), "wb");
	CHECK(f != NULL);
	CHECK_INT(fwrite(bytes, 1, len, f), len);
	CHECK_INT(fclose(f), 0);
}

/* A folder with weights.bin of 32 floats 0, 1, 2 ..., sub/weights.bin and links to both, and into another folder. */
static void set_up(void)
{
	float numbers[32];
	CHECK(mkdtemp(dir) != NULL);
	snprintf(beside, sizeof beside, "%s/model.onnx", dir);
	for (int i = 0; i < 32; i++)
		numbers[i] = (float)i;
	write_file("weights.bin", numbers, sizeof numbers);
	CHECK_INT(mkdir(path_of("sub"), 0700), 0);
	write_file("sub/weights.bin", numbers, sizeof numbers);
	CHECK_INT(symlink("sub/weights.bin", path_of("inside")), 0);
	CHECK_INT(symlink("/etc/passwd", path_of("outside")), 0);
	CHECK_INT(symlink("..", path_of("up")), 0);
	CHECK_INT(mkfifo(path_of("fifo"), 0600), 0);
}

static void tear_down(void)
{
	static const char *const names[] = {
		"weights.bin", "sub/weights.bin", "inside", "outside", "up", "fifo", "other.bin"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unlink(path_of(names[i]));
	rmdir(path_of("sub"));
	CHECK_INT(rmdir(dir), 0);
}

/* Keys and values of a tensor, "location=weights.bin,offset=4". */
struct said {
	char text[512];
	Onnx__StringStringEntryProto entry[8], *list[8];
};

static void say(struct said *said, Onnx__TensorProto *t, const char *text)
{
	char *rest = said->text;
	snprintf(said->text, sizeof said->text, "%s", text);
	t->has_raw_data = 0;
	t->has_data_location = 1;
	t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
	t->external_data = said->list;
	t->n_external_data = 0;
	for (char *pair; *text && (pair = strsep(&rest, ","));) {
		Onnx__StringStringEntryProto *e = &said->entry[t->n_external_data];
		onnx__string_string_entry_proto__init(e);
		e->value = strchr(pair, '=') + 1;
		e->value[-1] = '\0';
		e->key = pair;
		said->list[t->n_external_data++] = e;
	}
}

/* y = x + w, w of `n` elements whose data lies elsewhere. */
static uint8_t *pack(int type, int64_t n, const char *text, size_t *len)
{
	struct said said;
	struct model *m = model_new(13);
	model_node(m, "add", "Add", "x,w", "y");
	say(&said, model_tensor(m, "w", type, &n, 1, NULL, 0), text);
	return model_pack(m, len);
}

static struct graph *import(int type, int64_t n, const char *text, size_t max_bytes,
                            struct cnn_error *err)
{
	size_t len;
	uint8_t *bytes = pack(type, n, text, &len);
	struct graph *g = NULL;
	struct onnx_bounds bounds = {.max_bytes = max_bytes, .beside = beside};
	enum cnn_status s = onnx_import_within(&bounds, bytes, len, "model.onnx", &g, NULL, err);
	CHECK((s == CNN_OK) == (g != NULL));
	free(bytes);
	return g;
}

static const void *weights_of(const struct graph *g, enum cnn_dtype dtype)
{
	for (size_t i = 0; i < g->n_value; i++)
		if (strcmp(g->value[i].name, "w") == 0) {
			CHECK_INT(g->value[i].dtype, dtype);
			return g->value[i].data;
		}
	CHECK(false);
	return NULL;
}

#define TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name

static void starts_with(const char *text, float first)
{
	struct cnn_error err = {0};
	struct graph *g = import(TYPE(FLOAT), 8, text, SIZE_MAX, &err);
	if (!g)
		CHECK_STR(err.text, "");
	const float *w = weights_of(g, CNN_F32);
	for (int i = 0; i < 8; i++)
		CHECK(w[i] == first + (float)i);
	graph_free(g);
}

static void reads_what_is_said(void)
{
	set_up();
	starts_with("location=weights.bin", 0);
	starts_with("location=weights.bin,offset=0,length=32", 0);
	starts_with("location=weights.bin,offset=12", 3);
	starts_with("length=32,checksum=none,offset=96,location=sub/weights.bin,future=1", 24);
	starts_with("location=./sub/.//weights.bin,offset=4", 1);
	starts_with("location=inside,offset=8", 2);
	tear_down();
}

static void reads_every_encoding(void)
{
	static const uint16_t halves[] = {0x3c00, 0xc000, 0x3800},
			      brains[] = {0x3f80, 0xc000, 0x3f00};
	static const double doubles[] = {1, -2, 0.5};
	static const uint8_t bools[] = {0, 7, 1};
	static const int64_t longs[] = {1, -2, INT64_MAX};
	struct cnn_error err = {0};
	set_up();
	static const struct {
		int type;
		const void *bytes;
		size_t len;
	} floats[] = {{TYPE(FLOAT16), halves, sizeof halves},
	              {TYPE(BFLOAT16), brains, sizeof brains},
	              {TYPE(DOUBLE), doubles, sizeof doubles}};
	for (size_t i = 0; i < 3; i++) {
		write_file("other.bin", floats[i].bytes, floats[i].len);
		struct graph *g = import(floats[i].type, 3, "location=other.bin", SIZE_MAX, &err);
		const float *w = weights_of(g, CNN_F32);
		CHECK(w[0] == 1 && w[1] == -2 && w[2] == 0.5f);
		graph_free(g);
	}
	write_file("other.bin", bools, sizeof bools);
	struct graph *g = import(TYPE(BOOL), 3, "location=other.bin", SIZE_MAX, &err);
	CHECK(memcmp(weights_of(g, CNN_BOOL), "\0\1\1", 3) == 0);
	graph_free(g);
	write_file("other.bin", longs, sizeof longs);
	g = import(TYPE(INT64), 3, "location=other.bin", SIZE_MAX, &err);
	CHECK(memcmp(weights_of(g, CNN_S64), longs, sizeof longs) == 0);
	graph_free(g);
	tear_down();
}

/* More than one piece of the buffer that converts. */
static void converts_long_tensors(void)
{
	enum { N = 10001 };
	static uint16_t brains[N];
	struct cnn_error err = {0};
	set_up();
	for (int i = 0; i < N; i++) {
		float x = (float)(i % 251);
		uint32_t bits;
		memcpy(&bits, &x, sizeof bits);
		brains[i] = (uint16_t)(bits >> 16);
	}
	write_file("other.bin", brains, sizeof brains);
	struct graph *g = import(TYPE(BFLOAT16), N, "location=other.bin", SIZE_MAX, &err);
	const float *w = weights_of(g, CNN_F32);
	for (int i = 0; i < N; i++)
		CHECK(w[i] == (float)(i % 251));
	graph_free(g);
	tear_down();
}

struct refusal {
	const char *text, *says;
};

static void refuses(const struct refusal *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct cnn_error err = {0};
		CHECK(import(TYPE(FLOAT), 8, r[i].text, SIZE_MAX, &err) == NULL);
		if (!strstr(err.text, r[i].says))
			CHECK_STR(err.text, r[i].says);
		CHECK(strncmp(err.text, "tensor 'w': ", 12) == 0 && !strchr(err.text, '\n'));
	}
}

#define REFUSES(list) refuses(list, sizeof(list) / sizeof(list)[0])

static const struct refusal said_wrong[] = {
	{"", "no location is said"},
	{"offset=0", "no location is said"},
	{"location=", "must lie in the model's folder"},
	{"location=/etc/passwd", "'/etc/passwd': must lie in the model's folder"},
	{"location=..", "must lie in the model's folder"},
	{"location=../weights.bin", "must lie in the model's folder"},
	{"location=sub/../weights.bin", "must lie in the model's folder"},
	{"location=sub/..", "must lie in the model's folder"},
	{"location=nothing.bin", "'nothing.bin': No such file"},
	{"location=weights.bin/", "'weights.bin/': "},
	{"location=.", "not a regular file"},
	{"location=sub", "not a regular file"},
	{"location=fifo", "not a regular file"},
	{"location=weights.bin,offset=", "must be numbers"},
	{"location=weights.bin,offset=-4", "must be numbers"},
	{"location=weights.bin,offset=0x4", "must be numbers"},
	{"location=weights.bin,offset= 4", "must be numbers"},
	{"location=weights.bin,length=32.0", "must be numbers"},
	{"location=weights.bin,offset=9223372036854775808", "must be numbers"},
	{"location=weights.bin,offset=99999999999999999999999", "must be numbers"},
	{"location=weights.bin,offset=9223372036854775807", "the file has 128"},
	{"location=weights.bin,offset=97", "32 bytes from 97 on, but the file has 128"},
	{"location=weights.bin,offset=129", "32 bytes from 129 on, but the file has 128"},
	{"location=weights.bin,length=31", "31 bytes where its shape needs 32"},
	{"location=weights.bin,length=9223372036854775807", "where its shape needs 32"},
};

static const struct refusal leads_out[] = {
	{"location=outside", "'outside': leads out of the model's folder"},
	{"location=up/x", "'up/x': leads out of the model's folder"},
};

static void refuses_what_is_wrong(void)
{
	set_up();
	REFUSES(said_wrong);
	REFUSES(leads_out);
	tear_down();
}

/* The same where the kernel, or a container's filter, has no openat2(); links are not followed at all then. */
static void works_without_openat2(void)
{
	static const struct refusal links[] = {
		{"location=outside", "'outside': a link that is not followed"},
		{"location=inside", "'inside': a link that is not followed"},
		{"location=up/x", "'up/x': Not a directory"},
		{"location=weights.bin/x", "'weights.bin/x': Not a directory"},
	};
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		SKIP("no seccomp");
	set_up();
	starts_with("location=weights.bin,offset=12", 3);
	starts_with("location=./sub/.//weights.bin,offset=4", 1);
	for (size_t i = 0; i < sizeof said_wrong / sizeof said_wrong[0]; i++)
		if (!strstr(said_wrong[i].text, "bin/"))
			refuses(&said_wrong[i], 1);
	REFUSES(links);
	tear_down();
}

static void refuses_without_a_folder(void)
{
	size_t len;
	struct graph *g = NULL;
	struct cnn_error err = {0};
	uint8_t *bytes = pack(TYPE(FLOAT), 8, "location=weights.bin", &len);
	CHECK_INT(onnx_import(bytes, len, "model.onnx", &g, NULL, &err), CNN_UNSUPPORTED);
	CHECK_STR(err.text, "tensor 'w': its data in 'weights.bin': only the model's own bytes are "
	                    "known here");
	free(bytes);
}

static void a_long_location_is_cut_short(void)
{
	char text[600] = "location=";
	struct cnn_error err = {0};
	set_up();
	memset(text + 9, 'a', 400);
	strcpy(text + 12, "\n\x1b");
	text[14] = 'a';
	CHECK(import(TYPE(FLOAT), 8, text, SIZE_MAX, &err) == NULL);
	CHECK(strstr(err.text, "aaa??aaa") && strstr(err.text, "...aaa"));
	CHECK(strstr(err.text, "File name too long") && strlen(err.text) < 250);
	tear_down();
}

static void keeps_the_limit_of_memory(void)
{
	struct cnn_error err = {0};
	set_up();
	FILE *f = fopen(path_of("other.bin"), "wb");
	CHECK(f && ftruncate(fileno(f), (off_t)16 << 20) == 0 && fclose(f) == 0);
	CHECK(import(TYPE(FLOAT), 4 << 20, "location=other.bin", (size_t)8 << 20, &err) == NULL);
	CHECK_INT(err.code, CNN_NO_MEMORY);
	CHECK(strstr(err.text, "for w (16777216 bytes)") != NULL);
	struct graph *g =
		import(TYPE(FLOAT), 4 << 20, "location=other.bin", (size_t)32 << 20, &err);
	CHECK(g != NULL);
	graph_free(g);
	tear_down();
}

/* Beyond what 32 bits can say; the file has holes only. */
static void offsets_beyond_4_gib_work(void)
{
	static const float last[8] = {9, 8, 7, 6, 5, 4, 3, 2};
	struct cnn_error err = {0};
	set_up();
	int fd = open(path_of("other.bin"), O_RDWR | O_CREAT, 0600);
	bool sparse = fd >= 0 && pwrite(fd, last, sizeof last, (off_t)5 << 30) == sizeof last;
	close(fd);
	if (sparse) {
		struct graph *g = import(TYPE(FLOAT), 8, "location=other.bin,offset=5368709120",
		                         SIZE_MAX, &err);
		CHECK(g != NULL);
		CHECK(memcmp(weights_of(g, CNN_F32), last, sizeof last) == 0);
		graph_free(g);
	}
	tear_down();
	if (!sparse)
		SKIP("no sparse files");
}

static void a_file_that_shrinks_is_no_signal(void)
{
	struct external x = {.beside = beside};
	struct external_range range;
	struct said said;
	struct cnn_error err = {0};
	Onnx__TensorProto t;
	struct arena *arena = arena_new();
	float w[32];
	set_up();
	onnx__tensor_proto__init(&t);
	say(&said, &t, "location=weights.bin");
	CHECK_INT(external_find(&x, arena, &t, "w", sizeof w, &range, &err), CNN_OK);
	CHECK_INT(truncate(path_of("weights.bin"), 100), 0);
	CHECK_INT(external_read(&range, w, sizeof w, &err), CNN_IO);
	CHECK_STR(err.text,
	          "tensor 'w': its data in 'weights.bin': it became shorter while it was read");
	external_close(&x);
	arena_free(arena);
	tear_down();
}

/* One descriptor for the folder, one for the last file. */
static void few_files_are_open(void)
{
	static const char *const files[] = {"location=weights.bin", "location=sub/weights.bin",
	                                    "location=inside"};
	struct external x = {.beside = beside};
	struct external_range range;
	struct cnn_error err = {0};
	struct arena *arena = arena_new();
	set_up();
	int before = dup(0);
	close(before);
	for (int i = 0; i < 300; i++) {
		struct said said;
		Onnx__TensorProto t;
		onnx__tensor_proto__init(&t);
		say(&said, &t, files[i / 2 % 3]);
		CHECK_INT(external_find(&x, arena, &t, "w", 32, &range, &err), CNN_OK);
		CHECK(range.file <= before + 2);
	}
	external_close(&x);
	int after = dup(0);
	close(after);
	CHECK_INT(after, before);
	arena_free(arena);
	tear_down();
}

TEST_MAIN({"reads_what_is_said", reads_what_is_said},
          {"reads_every_encoding", reads_every_encoding},
          {"converts_long_tensors", converts_long_tensors},
          {"refuses_what_is_wrong", refuses_what_is_wrong},
          {"works_without_openat2", works_without_openat2},
          {"refuses_without_a_folder", refuses_without_a_folder},
          {"a_long_location_is_cut_short", a_long_location_is_cut_short},
          {"keeps_the_limit_of_memory", keeps_the_limit_of_memory},
          {"offsets_beyond_4_gib_work", offsets_beyond_4_gib_work},
          {"a_file_that_shrinks_is_no_signal", a_file_that_shrinks_is_no_signal},
          {"few_files_are_open", few_files_are_open})
