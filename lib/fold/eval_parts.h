/* What the parts of eval share: eval.c (nodes, paths), eval_event.c (the fields of the event), operators.c. */
#ifndef EVS_FOLD_EVAL_PARTS_H
#define EVS_FOLD_EVAL_PARTS_H

#include "fold/eval.h"

/* An object of n fields in the arena, whose values are to be filled in; NULL: no memory. */
struct node *eval_new_object(struct eval *v, uint32_t n);

/* A field of the event, whose name has this number (-1: none); *there: whether it has one. False when it fails. */
bool eval_event_field(struct eval *v, const char *key, size_t size, int name, struct value *out, bool *there);

/* The whole event as an object. The same. */
bool eval_event_object(struct eval *v, struct value *out);

#endif
