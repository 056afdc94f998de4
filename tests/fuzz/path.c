/* Any text taken for a path, a list of fields, a map. */
#include "event/fields.h"
#include "event/parse.h"
#include "event/path.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = (char *)exact_copy(data, size, 1);
	struct parse_rules rules = {0};
	struct fields *fields;
	const char *rest;
	struct path path;

	for (int i = 0; i < 2; i++) {
		bool ok = path_parse(&path, text, i == 0 ? "" : ",", &rest);
		MUST(rest >= text && rest <= text + strlen(text));
		MUST(!ok || *rest == '\0' || (i == 1 && *rest == ','));
		MUST(path.n <= PATH_STEPS_MAX && (ok || path.steps == NULL));
		path_free(&path);
	}
	MUST((fields_parse(text, &fields, NULL) == EVS_OK) == (fields != NULL));
	fields_free(fields);
	parse_map(&rules, text, NULL);
	parse_rules_release(&rules);
	free(text);
	return 0;
}
