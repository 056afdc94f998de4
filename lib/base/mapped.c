#include "base/mapped.h"

#include <stdatomic.h>

enum { MAPS = 8 };

static struct {
	_Atomic uintptr_t begin; /* 0: none */
	_Atomic size_t size;
} maps[MAPS];

void mapped_add(const void *begin, size_t size)
{
	for (unsigned i = 0; i < MAPS; i++) {
		uintptr_t none = 0;
		if (maps[i].begin != (uintptr_t)begin && !atomic_compare_exchange_strong(&maps[i].begin, &none, (uintptr_t)begin))
			continue;
		if (maps[i].size < size)
			maps[i].size = size;
		return;
	}
}

void mapped_remove(const void *begin)
{
	for (unsigned i = 0; i < MAPS && begin != NULL; i++) {
		if (maps[i].begin != (uintptr_t)begin)
			continue;
		maps[i].size = 0;
		maps[i].begin = 0;
	}
}

bool mapped_has(const void *address)
{
	for (unsigned i = 0; i < MAPS; i++)
		if (maps[i].begin != 0 && (uintptr_t)address - maps[i].begin < maps[i].size)
			return true;
	return false;
}
