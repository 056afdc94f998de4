#include "fold/code.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

void code_release(struct code *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		if (c->nodes[i].regex != NULL) {
			regfree(c->nodes[i].regex);
			free(c->nodes[i].regex);
		}
	}
	for (size_t i = 0; i < c->n_owned; i++)
		free(c->owned[i]);
	free(c->owned);
	free(c->nodes);
	free(c->kids);
	*c = (struct code){0};
}

uint32_t code_add(struct code *c, enum code_op op, uint32_t line)
{
	struct code_node *n;

	if (!array_grow(&c->nodes, &c->nodes_cap, c->n, sizeof *c->nodes))
		return CODE_NONE;
	n = &c->nodes[c->n];
	memset(n, 0, sizeof *n);
	n->op = (uint8_t)op;
	n->line = line;
	n->slot = n->path = CODE_NONE;
	atomic_init(&n->name, -1);
	return c->n++;
}

bool code_children(struct code *c, uint32_t node, const uint32_t *kids, uint32_t n)
{
	c->nodes[node].kids = c->n_kids;
	c->nodes[node].n = n;
	for (uint32_t i = 0; i < n; i++) {
		if (!array_grow(&c->kids, &c->kids_cap, c->n_kids, sizeof *c->kids))
			return false;
		c->kids[c->n_kids++] = kids[i];
	}
	return true;
}

char *code_text(struct code *c, size_t size)
{
	char *text;

	if (!array_grow(&c->owned, &c->owned_cap, c->n_owned, sizeof *c->owned) || (text = malloc(size + 1)) == NULL)
		return NULL;
	text[size] = '\0';
	c->owned[c->n_owned++] = text;
	return text;
}
