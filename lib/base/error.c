#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Copy text into dst[size]; control bytes and what is no UTF-8 as \xNN. Always terminated. */
static void copy_escaped(char *dst, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	while (*text != '\0') {
		unsigned char c = (unsigned char)*text;
		size_t whole = c < 0x20 || c == 0x7f ? 0 : utf8_character(text, strnlen(text, 4));
		if (whole > 0) {
			if (n + whole >= size)
				break;
			memcpy(dst + n, text, whole);
			n += whole;
			text += whole;
		} else {
			if (n + 4 >= size)
				break;
			dst[n++] = '\\';
			dst[n++] = 'x';
			dst[n++] = hex[c >> 4];
			dst[n++] = hex[c & 15];
			text++;
		}
	}
	dst[n] = '\0';
}

bool error_memory_ran_out(void)
{
	if (errno != ENOMEM)
		return false;
	errno = 0; /* once: what is damaged indeed is named when it is met again */
	return true;
}

int error_set(struct evs_error *err, int status, int sys_errno, const char *format, ...)
{
	char raw[sizeof err->message];
	size_t n;
	va_list args;

	if (status == EVS_CORRUPT && error_memory_ran_out())
		return error_nomem(err);
	if (err == NULL)
		return status;
	va_start(args, format);
	vsnprintf(raw, sizeof raw, format, args);
	va_end(args);
	copy_escaped(err->message, sizeof err->message, raw);
	n = strlen(err->message);
	if (sys_errno != 0)
		snprintf(err->message + n, sizeof err->message - n, ": %s", strerror(sys_errno));
	err->status = status;
	err->sys_errno = sys_errno;
	return status;
}

int error_prefix(struct evs_error *err, const char *format, ...)
{
	char raw[sizeof err->message], prefix[sizeof err->message], whole[2 * sizeof err->message];
	va_list args;

	if (err == NULL)
		return EVS_IO;
	va_start(args, format);
	vsnprintf(raw, sizeof raw, format, args);
	va_end(args);
	copy_escaped(prefix, sizeof prefix, raw);
	snprintf(whole, sizeof whole, "%s%s", prefix, err->message);
	memcpy(err->message, whole, sizeof err->message - 1);
	err->message[sizeof err->message - 1] = '\0';
	return err->status;
}

int error_nomem(struct evs_error *err)
{
	return error_set(err, EVS_NOMEM, 0, "out of memory");
}

int error_status(int sys_errno)
{
	switch (sys_errno) {
	case ENOMEM:
		return EVS_NOMEM;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return EVS_FULL;
	default:
		return EVS_IO;
	}
}
