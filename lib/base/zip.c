#include "base/zip.h"

#include <stdlib.h>
#include <string.h>
#define ZDICT_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY
#include <zdict.h>
#include <zstd.h>

enum { LEVEL = 1, TRAIN_BYTES = 8 << 20 };

/* Whether there is so much memory: zstd 1.5.4 crashes where it makes dictionaries and finds none. */
static bool is_there(size_t size)
{
	void *p = malloc(size);

	free(p);
	return p != NULL;
}

struct zip_dict {
	ZSTD_CDict *write;
	ZSTD_DDict *read;
	struct zip_dict *older;
};

struct zip {
	ZSTD_CCtx *write;
	ZSTD_DCtx *read;
};

/* One pass of the fast trainer with fixed parameters: 20 ms for 1 MiB, where a search for better ones takes seconds. */
size_t zip_train(const void *samples, const size_t *sizes, unsigned n, void *out, size_t out_cap)
{
	ZDICT_fastCover_params_t params = {.k = 256, .d = 8, .f = 18, .accel = 4, .splitPoint = 1.0};
	size_t size;

	if (!is_there(TRAIN_BYTES))
		return 0;
	params.zParams.compressionLevel = LEVEL;
	size = ZDICT_trainFromBuffer_fastCover(out, out_cap, samples, sizes, n, params);
	return ZDICT_isError(size) ? 0 : size;
}

struct zip_dict *zip_dict_new(const void *bytes, size_t n, bool for_writing)
{
	struct zip_dict *d = calloc(1, sizeof *d);

	if (d == NULL || n == 0)
		return d; /* none */
	if (for_writing && is_there(ZSTD_estimateCDictSize(n, LEVEL)))
		d->write = ZSTD_createCDict(bytes, n, LEVEL);
	d->read = ZSTD_createDDict(bytes, n);
	if (d->read == NULL || (for_writing && d->write == NULL)) {
		zip_dict_free(d);
		return NULL;
	}
	return d;
}

void zip_dict_free(struct zip_dict *d)
{
	if (d == NULL)
		return;
	zip_dict_free(d->older);
	ZSTD_freeCDict(d->write);
	ZSTD_freeDDict(d->read);
	free(d);
}

void zip_dict_adopt(struct zip_dict *d, struct zip_dict *older)
{
	d->older = older;
}

struct zip *zip_new(void)
{
	return calloc(1, sizeof(struct zip));
}

void zip_free(struct zip *z)
{
	if (z == NULL)
		return;
	ZSTD_freeCCtx(z->write);
	ZSTD_freeDCtx(z->read);
	free(z);
}

size_t zip_bound(size_t size)
{
	return ZSTD_compressBound(size);
}

size_t zip_pack(struct zip *z, const struct zip_dict *d, const void *in, size_t n, void *out, size_t cap)
{
	size_t size;

	if (z->write == NULL) {
		if ((z->write = ZSTD_createCCtx()) == NULL)
			return 0;
		ZSTD_CCtx_setParameter(z->write, ZSTD_c_compressionLevel, LEVEL);
		ZSTD_CCtx_setParameter(z->write, ZSTD_c_checksumFlag, 1);
		ZSTD_CCtx_setParameter(z->write, ZSTD_c_dictIDFlag, 0);
	}
	ZSTD_CCtx_refCDict(z->write, d->write);
	size = ZSTD_compress2(z->write, out, cap, in, n);
	return ZSTD_isError(size) ? 0 : size;
}

bool zip_unpack(struct zip *z, const struct zip_dict *d, const void *in, size_t n, void *out, size_t size)
{
	size_t got;

	if (z->read == NULL && (z->read = ZSTD_createDCtx()) == NULL)
		return false;
	got = ZSTD_decompress_usingDDict(z->read, out, size, in, n, d->read);
	return !ZSTD_isError(got) && got == size;
}
