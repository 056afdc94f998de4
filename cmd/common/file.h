/* Whole files: folds and the like. */
#ifndef EVS_CMD_FILE_H
#define EVS_CMD_FILE_H

#include "base/buf.h"
#include "evs.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)

/* How messages call a file: "-" is standard input. */
const char *file_name(const char *path);

/* Read what a file holds behind out. EVS_OK; EVS_IO, EVS_NOMEM with a message that names the file. */
int file_read(const char *path, struct buf *out, struct evs_error *err);

/* These two are for what is read before work begins: a signal that comes while it is waited for ends the tool. */

/*
 * Read the fold that --fold names, for the options of the library, which borrow it from text; path NULL: none was named.
 * Returns an exit status; what is wrong was said.
 */
int file_read_fold(const char *path, struct buf *text, const char **fold, size_t *size, const char **name);

/*
 * Read a JSON value that need not be there, from a file or, path NULL, from standard input: *json is NULL where that is a
 * terminal or has nothing, else borrowed from text. Whether it is JSON is not looked at. Returns an exit status likewise.
 */
int file_read_json(const char *path, struct buf *text, const char **json, size_t *size);

/* Replace what a file holds, all or nothing. It keeps its mode; a new one can be read by all. EVS_OK; EVS_IO, EVS_FULL, EVS_NOMEM likewise. */
int file_replace(const char *path, const void *data, size_t size, struct evs_error *err);

#endif
