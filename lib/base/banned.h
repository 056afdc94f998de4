/* Functions that know no bounds do not compile (after git's banned.h, the idea). */
#ifndef EVS_BASE_BANNED_H
#define EVS_BASE_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* With _FORTIFY_SOURCE some are macros for clang. */
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef gets
#pragma GCC poison strcpy strcat sprintf vsprintf gets
#endif
