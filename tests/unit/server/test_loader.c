/* The thread beside the loop. */
#include "server/loader.h"
#include "tests/test.h"

#include <pthread.h>

static uv_loop_t loop;
static struct loader *loader;
static struct cnn_error err;
static pthread_t loop_thread;

struct counted {
	struct loader_task task;
	int worked, done, order;
	bool last, again;
};
static int order;

static void work(struct loader_task *task)
{
	struct counted *c = (struct counted *)task;
	CHECK(!pthread_equal(pthread_self(), loop_thread));
	c->worked++;
}

static void done(struct loader_task *task)
{
	struct counted *c = (struct counted *)task;
	CHECK(pthread_equal(pthread_self(), loop_thread));
	c->done++;
	c->order = order++;
	if (c->again) {
		c->again = false;
		loader_submit(loader, task);
	} else if (c->last) {
		uv_stop(&loop);
	}
}

static struct counted counted(void)
{
	return (struct counted){.task = {.work = work, .done = done}};
}

static void open_loader(void)
{
	loop_thread = pthread_self();
	order = 0;
	CHECK_INT(uv_loop_init(&loop), 0);
	CHECK_INT(loader_new(&loop, LOADER_NICE, &loader, &err), CNN_OK);
}

static void close_loader(void)
{
	loader_free(loader);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_INT(uv_loop_close(&loop), 0);
}

static void tasks_are_done_in_order(void)
{
	struct counted task[50];
	open_loader();
	for (int i = 0; i < 50; i++)
		task[i] = counted();
	task[49].last = true;
	for (int i = 0; i < 50; i++)
		loader_submit(loader, &task[i].task);
	uv_run(&loop, UV_RUN_DEFAULT);
	for (int i = 0; i < 50; i++) {
		CHECK(task[i].task.worked);
		CHECK_INT(task[i].worked, 1);
		CHECK_INT(task[i].done, 1);
		CHECK_INT(task[i].order, i);
	}
	close_loader();
}

static void a_task_may_come_again(void)
{
	open_loader();
	struct counted task = counted();
	task.again = task.last = true;
	loader_submit(loader, &task.task);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_INT(task.worked, 2);
	CHECK_INT(task.done, 2);
	close_loader();
}

static void what_is_left_is_handed_back(void)
{
	struct counted task[100], late;
	open_loader();
	for (int i = 0; i < 100; i++) {
		task[i] = counted();
		loader_submit(loader, &task[i].task);
	}
	loader_stop(loader);
	for (int i = 0; i < 100; i++) {
		CHECK_INT(task[i].done, 1);
		CHECK_INT(task[i].worked, task[i].task.worked);
	}
	late = counted();
	loader_submit(loader, &late.task);
	CHECK_INT(late.done, 1);
	CHECK_INT(late.worked, 0);
	CHECK(!late.task.worked);
	close_loader();
	loader_stop(NULL);
	loader_free(NULL);
}

TEST_MAIN({"tasks_are_done_in_order", tasks_are_done_in_order},
          {"a_task_may_come_again", a_task_may_come_again},
          {"what_is_left_is_handed_back", what_is_left_is_handed_back})
