/* Compression with zstd and a trained dictionary. The one home of zstd. */
#ifndef EVS_BASE_ZIP_H
#define EVS_BASE_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zip_dict; /* read-only after zip_dict_new: any number of threads may use it */
struct zip;      /* one thread's working memory */

/* Train a dictionary on n samples that lie one behind another. Returns its size, 0 when there is too little to learn. */
size_t zip_train(const void *samples, const size_t *sizes, unsigned n, void *out, size_t out_cap);

/* bytes are copied; n = 0 is the empty dictionary. NULL when memory ran out. */
struct zip_dict *zip_dict_new(const void *bytes, size_t n, bool for_writing);
void zip_dict_free(struct zip_dict *d);

/* Have d own `older`, which others may still use, until d is freed. */
void zip_dict_adopt(struct zip_dict *d, struct zip_dict *older);

struct zip *zip_new(void);
void zip_free(struct zip *z);

size_t zip_bound(size_t size);

/* Compress into one frame that carries a checksum. Returns its size, 0 on failure (out of memory). */
size_t zip_pack(struct zip *z, const struct zip_dict *d, const void *in, size_t n, void *out, size_t cap);

/* Decompress exactly `size` bytes; false when the frame is damaged or of another size. out must have cap >= size. */
bool zip_unpack(struct zip *z, const struct zip_dict *d, const void *in, size_t n, void *out, size_t size);

#endif
