/* Identifiers: UUIDs (RFC 9562) as text and as 16 bytes, and random bytes. */
#ifndef EVS_BASE_ID_H
#define EVS_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT 36

/* Read a canonical UUID (36 bytes, lower case). False, with out undefined, when text is anything else. */
bool uuid_parse(const char *text, uint8_t out[16]);

/* Write the 36 bytes of a UUID, not terminated. */
void uuid_format(const uint8_t uuid[16], char *text);

/* A time-ordered UUIDv7 of a millisecond; ids of one process never repeat. */
void uuid_v7(uint64_t unix_ms, uint8_t out[16]);

/* Make 16 bytes of hash a UUIDv8. */
void uuid_v8(uint8_t hash[16]);

/* Fill with random bytes of the system. */
void random_bytes(void *out, size_t size);

#endif
