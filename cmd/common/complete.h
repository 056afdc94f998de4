/*
 * Completion, for shells: what may stand in the place of a command line's last word, by the tables of options.h and verbs.h.
 * It is printed a line each: the whole word, and where there is something to say a tab and what it means. A line without
 * a word is for the shell to go on: "\tfile" means names of files, "\tcommand" those of programs; what stands there of an
 * option up to its "=" stays in front.
 *
 * `complete` of an option or operand is "file", "command", a kind of candidates.h, or words, "start|end".
 */
#ifndef EVS_CMD_COMPLETE_H
#define EVS_CMD_COMPLETE_H

#include "common/options.h"

/* Words: those behind the tool's name, one at least; the last one is being typed. */
void complete_words(const struct tool *tool, char **words, size_t n);

/* Print a word that may stand there, if it goes on from what was typed; help NULL: there is nothing to say. */
void complete_offer(const char *typed, const char *word, const char *help);

#endif
