/* see_report.h - what convd see says of a layer. The functions return the command's exit status. */
#ifndef SERVER_COMMANDS_SEE_REPORT_H
#define SERVER_COMMANDS_SEE_REPORT_H
#include "engine/see_picture.h"

/* What was made of one layer. */
struct see_report {
	const struct see *see;
	const struct see_picked *picked;
	const struct see_filters *filters; /* NULL: feature maps */
	const struct see_layout *layout;   /* of the picture; NULL: none was made */
	const char *out;                   /* its file */
};
int see_report_text(const struct see_report *report);
int see_report_json(const struct see_report *report);

int see_report_strip_text(const struct see *see, const struct see_strip *strip, const char *out);
int see_report_strip_json(const struct see *see, const struct see_strip *strip);

#endif
