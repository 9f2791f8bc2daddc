/* train_report_parts.h - the sections of report.html, a file each. Private to them and train_report.c.
 *
 * What is printed goes to a stream in memory, whose errors train_report() sees at the end. */
#ifndef SERVER_COMMANDS_TRAIN_REPORT_PARTS_H
#define SERVER_COMMANDS_TRAIN_REPORT_PARTS_H
#include "server/commands/train_report.h"

#include <stdio.h>

/* Text of files and folders, with what HTML gives a meaning escaped. */
void report_text(FILE *f, const char *text);
/* 1234567 as 1,234,567 */
void report_count(FILE *f, int64_t n);
void report_curves(FILE *f, const struct report_data *d);
enum cnn_status report_confusion(FILE *f, const struct report_data *d, struct cnn_error *err);
enum cnn_status report_filters(FILE *f, const struct report_data *d, struct cnn_error *err);
enum cnn_status report_mistakes(FILE *f, const struct report_data *d, struct cnn_error *err);

#endif
