/*
 * Which memory is a file's: a fault there is the file's doing, which grew shorter or cannot be read, and one anywhere else our own.
 * mapped_has may be called in a handler of signals.
 */
#ifndef EVS_BASE_MAPPED_H
#define EVS_BASE_MAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes from begin on are a file's. What is there already becomes longer. More than are kept track of are passed over. */
void mapped_add(const void *begin, size_t size);
void mapped_remove(const void *begin);

bool mapped_has(const void *address);

#endif
