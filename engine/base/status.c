#include "engine/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *cnn_status_name(enum cnn_status code)
{
	static const char *const text[] = {
#define X(name, text) [CNN_##name] = text,
		CNN_STATUS_LIST(X)
#undef X
	};
	if ((size_t)code >= sizeof text / sizeof text[0])
		return "unknown status";
	return text[code];
}

/* vsnprintf may have cut the text within a UTF-8 character: its first bytes go too. */
static void drop_cut_character(char *text)
{
	size_t n = strlen(text), start = n;
	while (start > 0 && n - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	unsigned char first = (unsigned char)text[start - 1];
	size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
	if (n - (start - 1) < length)
		text[start - 1] = '\0';
}

enum cnn_status cnn_fail(struct cnn_error *err, enum cnn_status code, const char *fmt, ...)
{
	if (!err)
		return code;
	err->code = code;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	drop_cut_character(err->text);
	for (char *p = err->text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return code;
}

enum cnn_status cnn_fail_memory(struct cnn_error *err, const char *what, size_t bytes)
{
	return cnn_fail(err, CNN_NO_MEMORY, "out of memory for %s (%zu bytes)", what, bytes);
}
