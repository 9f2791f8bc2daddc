#include "server/loader.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

struct task_list {
	struct loader_task *head, **tail;
};

struct loader {
	uv_async_t wake;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct task_list todo, done;
	bool started, stop, stopped;
	int nice;
};

static void append(struct task_list *list, struct loader_task *task)
{
	task->next = NULL;
	*list->tail = task;
	list->tail = &task->next;
}

static struct loader_task *take_first(struct task_list *list)
{
	struct loader_task *task = list->head;
	if (task)
		list->head = task->next;
	if (!list->head)
		list->tail = &list->head;
	return task;
}

static void *thread_main(void *arg)
{
	struct loader *l = arg;
	/* On Linux this is for the calling thread alone. Without it loading only disturbs more. */
	setpriority(PRIO_PROCESS, 0, l->nice);
	pthread_mutex_lock(&l->lock);
	l->started = true;
	pthread_cond_broadcast(&l->work);
	while (!l->stop) {
		struct loader_task *task = take_first(&l->todo);
		if (!task) {
			pthread_cond_wait(&l->work, &l->lock);
			continue;
		}
		pthread_mutex_unlock(&l->lock);
		task->work(task);
		task->worked = true;
		pthread_mutex_lock(&l->lock);
		append(&l->done, task);
		uv_async_send(&l->wake);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* Call done() for the tasks of a list, those that come meanwhile included. */
static void finish(struct loader *l, struct task_list *list)
{
	for (;;) {
		pthread_mutex_lock(&l->lock);
		struct loader_task *task = take_first(list);
		pthread_mutex_unlock(&l->lock);
		if (!task)
			return;
		task->done(task);
	}
}

static void on_wake(uv_async_t *async)
{
	struct loader *l = async->data;
	finish(l, &l->done);
}

enum cnn_status loader_new(uv_loop_t *loop, int nice, struct loader **out, struct cnn_error *err)
{
	struct loader *l = calloc(1, sizeof *l);
	if (!l)
		return cnn_fail_memory(err, "the loader", sizeof *l);
	l->todo.tail = &l->todo.head;
	l->done.tail = &l->done.head;
	l->wake.data = l;
	l->nice = nice;
	int failed = uv_async_init(loop, &l->wake, on_wake);
	if (failed) {
		free(l);
		return cnn_fail(err, CNN_IO, "cannot wake the event loop: %s", uv_strerror(failed));
	}
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->work, NULL);
	if (pthread_create(&l->thread, NULL, thread_main, l) != 0) {
		l->stopped = true;
		loader_free(l);
		return cnn_fail(err, CNN_NO_MEMORY, "cannot start a thread beside the loop");
	}
	/* Once the process is in its sandbox the thread could not step back any more. */
	pthread_mutex_lock(&l->lock);
	while (!l->started)
		pthread_cond_wait(&l->work, &l->lock);
	pthread_mutex_unlock(&l->lock);
	*out = l;
	return CNN_OK;
}

void loader_submit(struct loader *l, struct loader_task *task)
{
	task->worked = false;
	pthread_mutex_lock(&l->lock);
	bool late = l->stopped;
	if (!late)
		append(&l->todo, task);
	pthread_cond_signal(&l->work);
	pthread_mutex_unlock(&l->lock);
	if (late)
		task->done(task);
}

void loader_stop(struct loader *l)
{
	if (!l || l->stopped)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->work);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	pthread_mutex_lock(&l->lock);
	l->stopped = true;
	pthread_mutex_unlock(&l->lock);
	finish(l, &l->done);
	finish(l, &l->todo);
}

static void on_closed(uv_handle_t *handle)
{
	struct loader *l = handle->data;
	pthread_cond_destroy(&l->work);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void loader_free(struct loader *l)
{
	if (!l)
		return;
	loader_stop(l);
	uv_close((uv_handle_t *)&l->wake, on_closed);
}
