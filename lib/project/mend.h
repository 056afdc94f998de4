/* Making one state of a projection anew, from the events up to the checkpoint. */
#ifndef EVS_PROJECT_MEND_H
#define EVS_PROJECT_MEND_H

#include "fold/fold.h"
#include "project/projection.h"

/*
 * Whether a model was made by what is wanted; the type of the key may be among the wanted selectors, and need not be
 * among those of the model.
 */
bool mend_is_made_by(const struct generation *g, const struct generation *wanted, const struct evs_project_options *o);

/*
 * Make the state of options->key anew and commit it.
 *
 *   fold  NULL: a command
 *
 * EVS_OK; EVS_END: there is no such stream; or as evs_project_run.
 */
int mend_run(struct evs_store *store, const struct evs_project_options *options, const struct projection *p,
             const struct fold *fold, struct evs_project_result *result, struct evs_error *err);

#endif
