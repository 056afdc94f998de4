/*
 * JSON of what need be no text, such as a word of a command line or what a program wrote: it is always UTF-8, with U+FFFD in place of each
 * byte that is none.
 */
#ifndef EVS_CMD_JSON_H
#define EVS_CMD_JSON_H

#include "base/buf.h"

/* A string. */
void json_put_string(struct buf *out, const char *text, size_t size);

/* ,"name":"text" */
void json_put_text(struct buf *out, const char *name, const char *text, size_t size);

/* ,"name":MOMENT, microseconds since 1970. */
void json_put_moment(struct buf *out, const char *name, int64_t us);

/* ,"name":VALUE of a text that is JSON but for such bytes. */
void json_put_value(struct buf *out, const char *name, const char *json, size_t size);

#endif
