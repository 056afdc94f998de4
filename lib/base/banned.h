/* Functions that know no bounds do not compile (after git's banned.h, the idea). */
#ifndef EVS_BASE_BANNED_H
#define EVS_BASE_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#pragma GCC poison strcpy strcat sprintf vsprintf gets
#endif
