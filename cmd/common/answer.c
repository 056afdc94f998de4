#include "common/answer.h"

#include <string.h>

/* Whether a line begins with a word; what follows is the reason of a failure. */
static bool has_word(const char *line, size_t size, const char *word, struct answer *out)
{
	size_t n = strlen(word), rest;

	if (size < n || memcmp(line, word, n) != 0 || (size > n && line[n] != ' ' && line[n] != '\t'))
		return false;
	while (n < size && (line[n] == ' ' || line[n] == '\t'))
		n++;
	rest = size - n < sizeof out->reason - 1 ? size - n : sizeof out->reason - 1;
	memcpy(out->reason, line + n, rest);
	out->reason[rest] = '\0';
	out->failure = (struct evs_failure){.reason = rest == 0 ? "the handler gave no reason" : out->reason, .exit_status = -1};
	return true;
}

bool answer_read(const char *line, size_t size, struct answer *out)
{
	if (size > 0 && line[size - 1] == '\r')
		size--;
	out->good = size == 2 && memcmp(line, "ok", 2) == 0;
	if (out->good || has_word(line, size, "retry", out))
		return true;
	if (!has_word(line, size, "dead", out))
		return false;
	out->failure.hopeless = true;
	return true;
}
