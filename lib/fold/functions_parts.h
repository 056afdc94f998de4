/* What the functions share: functions_list.c and functions_text.c have those of lists and texts, functions.c the others. */
#ifndef EVS_FOLD_FUNCTIONS_PARTS_H
#define EVS_FOLD_FUNCTIONS_PARTS_H

#include "fold/eval.h"
#include "fold/functions.h"

/* All of these: false where it fails, and eval_fail said why. */

bool functions_list(struct eval *v, const struct code_node *n, struct value *out);
bool functions_text(struct eval *v, const struct code_node *n, struct value *out);

/* The node of argument i. */
const struct code_node *argument_at(struct eval *v, const struct code_node *n, uint32_t i);

/* Argument i as text, as a number; *null where it is null. */
bool argument_text(struct eval *v, const struct code_node *n, uint32_t i, struct value *out, bool *null);
bool argument_number(struct eval *v, const struct code_node *n, uint32_t i, struct value *out, bool *null);

/* Argument i as a whole number. */
bool argument_integer(struct eval *v, const struct code_node *n, uint32_t i, int64_t *out);

/* Fail for an argument that is not what is `wanted`. */
bool argument_wrong(struct eval *v, const struct code_node *n, const char *wanted, const struct value *got);

/* The result of a calculation. */
bool functions_decimal(struct eval *v, const struct code_node *n, enum decimal_status status, struct decimal d, struct value *out);

/* The text of a scalar, in the arena where it must be made. */
bool functions_text_of(struct eval *v, const struct code_node *n, const struct value *a, struct value *out);

#endif
