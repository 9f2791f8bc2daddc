/* batch_line.h - the jobs of one queue that wait: by priority, then first come, first served. Not thread-safe. */
#ifndef SERVER_BATCH_LINE_H
#define SERVER_BATCH_LINE_H
#include "engine/base/types.h"

struct batch_job;

enum { BATCH_FIRST_PRIORITY = 1, BATCH_LAST_PRIORITY = 9, BATCH_USUAL_PRIORITY = 5 };

struct batch_line {
	struct level {
		struct batch_job *head, **tail;
		size_t n;
	} level[BATCH_LAST_PRIORITY + 1]; /* [0] stays empty */
	size_t n;
};

void line_init(struct batch_line *line);
/* By the job's own priority, 1..9. */
void line_push(struct batch_line *line, struct batch_job *job);
struct batch_job *line_pop(struct batch_line *line); /* NULL when it is empty */
/* The job that has waited longest; NULL when it is empty. */
const struct batch_job *line_oldest(const struct batch_line *line);
/* How many would be taken before a job of this priority that came now. */
size_t line_before(const struct batch_line *line, unsigned priority);

#endif
