#include "server/batch_line.h"
#include "server/batcher.h"

void line_init(struct batch_line *line)
{
	*line = (struct batch_line){.n = 0};
	for (size_t i = 0; i <= BATCH_LAST_PRIORITY; i++)
		line->level[i].tail = &line->level[i].head;
}

void line_push(struct batch_line *line, struct batch_job *job)
{
	struct level *level = &line->level[job->priority];
	job->next = NULL;
	*level->tail = job;
	level->tail = &job->next;
	level->n++;
	line->n++;
}

struct batch_job *line_pop(struct batch_line *line)
{
	for (size_t i = BATCH_FIRST_PRIORITY; i <= BATCH_LAST_PRIORITY; i++) {
		struct level *level = &line->level[i];
		struct batch_job *job = level->head;
		if (!job)
			continue;
		level->head = job->next;
		if (!level->head)
			level->tail = &level->head;
		level->n--;
		line->n--;
		return job;
	}
	return NULL;
}

const struct batch_job *line_oldest(const struct batch_line *line)
{
	const struct batch_job *oldest = NULL;
	for (size_t i = BATCH_FIRST_PRIORITY; i <= BATCH_LAST_PRIORITY; i++) {
		const struct batch_job *job = line->level[i].head;
		if (job && (!oldest || job->queued_ns < oldest->queued_ns))
			oldest = job;
	}
	return oldest;
}

size_t line_before(const struct batch_line *line, unsigned priority)
{
	size_t n = 0;
	for (size_t i = BATCH_FIRST_PRIORITY; i <= priority && i <= BATCH_LAST_PRIORITY; i++)
		n += line->level[i].n;
	return n;
}
