#include "replay/places.h"

#include "store/kv.h"

void places_open(struct places *p, struct evs_store *store)
{
	*p = (struct places){.fetch = {.store = store}};
}

void places_release(struct places *p)
{
	if (p->fetch.store == NULL)
		return;
	kv_abort(p->txn);
	fetch_release(&p->fetch);
	*p = (struct places){0};
}

int places_get(struct places *p, uint64_t position, struct record *record, struct evs_error *err)
{
	struct store_state state;
	int status = p->txn == NULL ? store_begin(p->fetch.store, false, &p->txn, &state, err)
	                            : store_renew(p->fetch.store, p->txn, &state, err);

	if (status != EVS_OK)
		return status;
	status = fetch_record(&p->fetch, p->txn, position, record, err);
	kv_reset(p->txn);
	return status;
}
