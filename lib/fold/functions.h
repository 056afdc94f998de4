/* The functions of expressions. */
#ifndef EVS_FOLD_FUNCTIONS_H
#define EVS_FOLD_FUNCTIONS_H

#include "fold/code.h"

struct eval;

enum function_id {
	FUNCTION_SUM, FUNCTION_COUNT, FUNCTION_MIN, FUNCTION_MAX, FUNCTION_AVG, FUNCTION_ANY, FUNCTION_ALL, FUNCTION_MAP,
	FUNCTION_LEN, FUNCTION_LOWER, FUNCTION_UPPER, FUNCTION_SUBSTR, FUNCTION_CONTAINS, FUNCTION_STARTSWITH,
	FUNCTION_ENDSWITH, FUNCTION_MATCHES, FUNCTION_SPLIT, FUNCTION_JOIN, FUNCTION_ABS, FUNCTION_ROUND, FUNCTION_FLOOR,
	FUNCTION_CEIL, FUNCTION_NUM, FUNCTION_STR, FUNCTION_TIME, FUNCTION_DATE, FUNCTION_HOUR, FUNCTION_DAY,
	FUNCTION_KEYS, FUNCTION_HAS, FUNCTION_NOW, FUNCTIONS
};

struct function {
	const char *name;
	uint8_t least, most; /* how many arguments */
};

extern const struct function functions[FUNCTIONS];

/* The function of a name, -1: there is none. */
int functions_find(const char *name, size_t size);

/* Whether its second argument is worked out for each element of the first, if that is a list. */
bool functions_each(int function);

/* The known name nearest to a mistyped or foreign one, NULL: none is near. */
const char *functions_nearest(const char *name, size_t size);

/* Work out a call. False where it fails, and eval_fail said why. */
bool functions_call(struct eval *v, const struct code_node *n, struct value *out);

/* Compile a pattern of matches(), an extended regular expression of POSIX. NULL with *why set when it is none. */
regex_t *functions_pattern(const char *text, size_t size, const char **why);

#endif
