/* The one home of yyjson: documents whose numbers keep their digits. Include this in place of yyjson.h. */
#ifndef EVS_EVENT_JSON_H
#define EVS_EVENT_JSON_H

#include <yyjson.h>

#define JSON_FLAGS YYJSON_READ_NUMBER_AS_RAW

/* Bytes of memory a parse of `size` bytes can need. */
static inline size_t json_memory(size_t size)
{
	return yyjson_read_max_memory_usage(size, JSON_FLAGS);
}

#endif
