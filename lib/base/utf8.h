/* UTF-8 (RFC 3629). */
#ifndef EVS_BASE_UTF8_H
#define EVS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "evs.h"

/* Bytes of the character that begins at text, of which `left` bytes are there; 0: it is none. */
size_t utf8_character(const char *text, size_t left);

/* Whether text is valid; *bad (may be NULL) is where it is not. */
bool utf8_valid(const char *text, size_t size, size_t *bad);

/* Write a code point, at most 4 bytes; returns how many. */
size_t utf8_write(uint32_t code, char *out);

/* Put text behind out, each byte that is no UTF-8 as U+FFFD. */
void utf8_put(struct buf *out, const char *text, size_t size);

/* How many characters valid text has. */
size_t utf8_length(const char *text, size_t size);

/* The byte at which the n-th character begins, size where there are fewer. */
size_t utf8_offset(const char *text, size_t size, size_t n);

/*
 * Whether a user's name for something can be kept: 1..max bytes of UTF-8 without control characters. of: "a projection",
 * for the message. EVS_OK, EVS_USAGE.
 */
int utf8_check_name(const char *of, const char *name, size_t max, struct evs_error *err);

#endif
