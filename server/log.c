#include "server/log.h"
#include "server/log_sink.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 1024 };

static const char *const level_names[] = {"info", "warning", "error"};

/* JSON needs quote and backslash escaped; control characters are gone already. */
static void escape_json(char *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*out++ = '\\';
		*out++ = *text;
	}
	*out = '\0';
}

void log_stamp(char out[LOG_STAMP_BYTES])
{
	struct timespec now;
	struct tm utc;
	size_t len = 0;
	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc))
		len = strftime(out, LOG_STAMP_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out + len, LOG_STAMP_BYTES - len, ".%03dZ", (int)(now.tv_nsec / 1000000 % 1000));
}

void log_line(const struct log *log, enum log_level level, const char *fmt, ...)
{
	char message[MESSAGE_BYTES];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	for (char *p = message; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}

	char line[2 * MESSAGE_BYTES + 128];
	int len;
	if (log->format == LOG_JSON) {
		char escaped[2 * MESSAGE_BYTES];
		escape_json(escaped, message);
		char stamp[LOG_STAMP_BYTES];
		log_stamp(stamp);
		len = snprintf(line, sizeof line,
		               "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"}\n", stamp,
		               level_names[level], escaped);
	} else {
		len = snprintf(line, sizeof line, "%s%s%s\n",
		               level == LOG_INFO ? "" : level_names[level],
		               level == LOG_INFO ? "" : ": ", message);
	}
	if (log->sink) {
		log_sink_push(log->sink, line, (size_t)len);
		return;
	}
	/* One write for a line: lines of several threads do not mix. Nothing can be done when it fails. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}
