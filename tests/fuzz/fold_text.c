/* Any bytes taken for a fold and for an expression: a fold set out in the one way is the same fold, and stays as it is. */
#include "fold/expr.h"
#include "fold/fold.h"
#include "fuzz.h"

/* The hash of a fold that is one, 0 of what is none. */
static uint64_t hash_of(const uint8_t *text, size_t size)
{
	struct evs_error err = {0};
	struct fold *fold;
	int status = fold_parse("f", (const char *)text, size, &fold, &err);
	uint64_t hash;

	MUST((fold != NULL) == (status == EVS_OK) && strlen(err.message) < sizeof err.message);
	MUST(status == EVS_OK || (status == EVS_USAGE && err.message[0] != '\0'));
	if (fold == NULL)
		return 0;
	hash = fold_hash(fold);
	fold_free(fold);
	return hash;
}

/* Set a fold out. */
static void format(const uint8_t *text, size_t size, struct buf *out)
{
	uint8_t *exact = exact_copy(text, size, 0);

	MUST(fold_format("f", (const char *)exact, size, out, NULL) == EVS_OK);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact = exact_copy(data, size, 0);
	char *text = (char *)exact_copy(data, size, 1);
	uint64_t hash = hash_of(exact, size);
	struct buf once = {0}, twice = {0};
	struct evs_error err = {0};
	struct expr *e;

	if (hash != 0) {
		format(data, size, &once);
		MUST(hash_of(once.data, once.size) == hash);
		format(once.data, once.size, &twice);
		MUST(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
	}
	for (unsigned scope = EXPR_EVENT; scope <= (EXPR_EVENT | EXPR_STATE); scope++) {
		int status = expr_parse("e", text, scope, &e, &err);
		MUST((e != NULL) == (status == EVS_OK) && (e != NULL || status == EVS_USAGE));
		expr_free(e);
	}
	buf_free(&once);
	buf_free(&twice);
	free(text);
	free(exact);
	return 0;
}
