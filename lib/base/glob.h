/* Shell patterns for event types: * any run of bytes, ? one character, [a-z] and [!a-z] sets, \ takes the next as it is. */
#ifndef EVS_BASE_GLOB_H
#define EVS_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

bool glob_match(const char *pattern, const char *text, size_t size);

/* Whether pattern is plain text, matched by itself alone. */
bool glob_is_literal(const char *pattern);

#endif
