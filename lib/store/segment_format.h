/* A segment's bytes, as lib/store/segment*.c write and read them (evs-store(5)). */
#ifndef EVS_STORE_SEGMENT_FORMAT_H
#define EVS_STORE_SEGMENT_FORMAT_H

#include "base/bytes.h"
#include "store/segment.h"

/* The directory's head, an entry of its table of frames, and the checksum in front of a frame's records. */
enum {
	AT_VERSION = 0, AT_DICT = 1, AT_COUNT = 4, AT_FRAMES = 8, AT_FIRST = 16, AT_MIN_MOMENT = 24, AT_MAX_MOMENT = 32,
	AT_MIN_RECORDED = 40, AT_MAX_RECORDED = 48, AT_CHECKSUM = 56, HEAD_BYTES = 64,
	FRAME_ENTRY = 12, UUID_CHECK = 8, VERSION = 1,
};

#endif
