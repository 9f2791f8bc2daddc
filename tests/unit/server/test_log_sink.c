#include "server/access_log.h"
#include "server/log_sink.h"
#include "tests/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

static struct log_sink *sink;
static struct cnn_error err;
static char path[64], renamed[80];

static void in_a_folder_of_its_own(const char *name)
{
	char folder[] = "/tmp/test_log_sink.XXXXXX";
	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	snprintf(renamed, sizeof renamed, "%s.1", path);
}

static void clean_up(void)
{
	unlink(path);
	unlink(renamed);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

static size_t lines_in(const char *file)
{
	size_t len, n = 0;
	uint8_t *bytes = test_read(file, &len);
	for (size_t i = 0; i < len; i++)
		n += bytes[i] == '\n';
	free(bytes);
	return n;
}

static void *push_thousand(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		char line[64];
		int len = snprintf(line, sizeof line, "%s %d\n", (const char *)arg, i);
		log_sink_push(sink, line, (size_t)len);
	}
	return NULL;
}

static void lines_of_several_threads_are_kept_whole(void)
{
	in_a_folder_of_its_own("log");
	CHECK_INT(log_sink_new(path, &sink, &err), CNN_OK);
	pthread_t thread[3];
	char names[][4] = {"a", "bb", "ccc"};
	for (int i = 0; i < 3; i++)
		CHECK_INT(pthread_create(&thread[i], NULL, push_thousand, names[i]), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	CHECK_INT(log_sink_dropped(sink), 0);
	log_sink_free(sink);
	CHECK_INT(lines_in(path), 3000);
	FILE *f = fopen(path, "r");
	char word[8];
	int number, next[4] = {0};
	while (fscanf(f, "%7s %d", word, &number) == 2)
		CHECK_INT(number, next[strlen(word)]++);
	fclose(f);
	CHECK_INT(next[1] + next[2] + next[3], 3000);
	clean_up();
}

static void it_is_opened_again(void)
{
	in_a_folder_of_its_own("log");
	CHECK_INT(log_sink_new(path, &sink, &err), CNN_OK);
	log_sink_push(sink, "before\n", 7);
	CHECK_INT(rename(path, renamed), 0);
	log_sink_reopen(sink);
	for (int i = 0; access(path, F_OK) != 0 && i < 1000; i++)
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	log_sink_push(sink, "after\n", 6);
	log_sink_free(sink);
	CHECK_INT(lines_in(renamed), 1);
	CHECK_INT(lines_in(path), 1);
	clean_up();
}

static void a_reader_that_sleeps_costs_lines(void)
{
	in_a_folder_of_its_own("fifo");
	CHECK_INT(mkfifo(path, 0600), 0);
	int reader = open(path, O_RDONLY | O_NONBLOCK);
	CHECK(reader >= 0);
	CHECK_INT(log_sink_new(path, &sink, &err), CNN_OK);
	char line[1000];
	memset(line, 'x', sizeof line);
	line[sizeof line - 1] = '\n';
	for (int i = 0; i < 2000; i++)
		log_sink_push(sink, line, sizeof line);
	uint64_t dropped = log_sink_dropped(sink);
	CHECK(dropped > 1000 && dropped < 2000);
	log_sink_free(sink); /* within a second or two */
	close(reader);
	clean_up();
}

static void a_file_that_cannot_be_opened_is_named(void)
{
	CHECK_INT(log_sink_new("/nowhere/log", &sink, &err), CNN_IO);
	CHECK(strstr(err.text, "/nowhere/log"));
	log_sink_free(NULL);
	log_sink_reopen(NULL);
	CHECK_INT(log_sink_dropped(NULL), 0);
}

static void what_clients_send_is_escaped(void)
{
	char out[32];
	access_log_escape("a\"b\\\n\xff", 6, "\\", out, sizeof out);
	CHECK_STR(out, "a\\x22b\\x5C\\x0A\\xFF");
	access_log_escape("\"", 1, "\\\\", out, sizeof out);
	CHECK_STR(out, "\\\\x22");
	access_log_escape("\"\"\"", 3, "\\", out, 10); /* only whole ones */
	CHECK_STR(out, "\\x22\\x22");
	access_log_escape("", 0, "\\", out, sizeof out);
	CHECK_STR(out, "");
}

TEST_MAIN({"lines_of_several_threads_are_kept_whole", lines_of_several_threads_are_kept_whole},
          {"it_is_opened_again", it_is_opened_again},
          {"a_reader_that_sleeps_costs_lines", a_reader_that_sleeps_costs_lines},
          {"a_file_that_cannot_be_opened_is_named", a_file_that_cannot_be_opened_is_named},
          {"what_clients_send_is_escaped", what_clients_send_is_escaped})
