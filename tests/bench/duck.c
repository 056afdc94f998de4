/*
 * duck: DuckDB, where only its library is there and not its command.
 *
 *   duck LIBRARY DATABASE SQL
 *
 * Runs the statements (DATABASE may be :memory:). Of the last one's result it prints the number of rows, or the row when it is
 * one, columns apart by '|'. All rows are made, but not as text: the command, too, shows but a few of many.
 * Exit status: 0 done, 1 a statement failed, 2 wrong usage, or there is no such library.
 *
 * Source of the calls: DuckDB's C API, https://duckdb.org/docs/stable/clients/c/api
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What the API calls duckdb_result: its members are not to be touched. */
struct result {
    uint64_t columns, rows, changed;
    void *column_list;
    char *message;
    void *internal;
};

static struct {
    int (*open)(const char *path, void **database);
    int (*connect)(void *database, void **connection);
    uint64_t (*extract)(void *connection, const char *sql, void **statements);
    const char *(*extract_error)(void *statements);
    int (*prepare)(void *connection, void *statements, uint64_t index, void **prepared);
    const char *(*prepare_error)(void *prepared);
    int (*execute)(void *prepared, struct result *result);
    const char *(*result_error)(struct result *result);
    uint64_t (*column_count)(struct result *result);
    uint64_t (*row_count)(struct result *result);
    char *(*text)(struct result *result, uint64_t column, uint64_t row);
    void (*free)(void *text);
    void (*destroy_result)(struct result *result);
    void (*destroy_prepared)(void **prepared);
    void (*disconnect)(void **connection);
    void (*close)(void **database);
} duck;

static _Noreturn void die(int status, const char *what, const char *why)
{
    fprintf(stderr, "duck: %s: %s\n", what, why != NULL ? why : "failed");
    exit(status);
}

static void load(const char *path)
{
    const struct {
        void *function;
        const char *name;
    } calls[] = {
        {&duck.open, "duckdb_open"},
        {&duck.connect, "duckdb_connect"},
        {&duck.extract, "duckdb_extract_statements"},
        {&duck.extract_error, "duckdb_extract_statements_error"},
        {&duck.prepare, "duckdb_prepare_extracted_statement"},
        {&duck.prepare_error, "duckdb_prepare_error"},
        {&duck.execute, "duckdb_execute_prepared"},
        {&duck.result_error, "duckdb_result_error"},
        {&duck.column_count, "duckdb_column_count"},
        {&duck.row_count, "duckdb_row_count"},
        {&duck.text, "duckdb_value_varchar"},
        {&duck.free, "duckdb_free"},
        {&duck.destroy_result, "duckdb_destroy_result"},
        {&duck.destroy_prepared, "duckdb_destroy_prepare"},
        {&duck.disconnect, "duckdb_disconnect"},
        {&duck.close, "duckdb_close"},
    };
    void *library = dlopen(path, RTLD_NOW);

    if (library == NULL)
        die(2, path, dlerror());
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if ((*(void **)calls[i].function = dlsym(library, calls[i].name)) == NULL)
            die(2, calls[i].name, dlerror());
}

static void print(struct result *result)
{
    const uint64_t rows = duck.row_count(result), columns = duck.column_count(result);

    if (rows != 1) {
        printf("%llu rows\n", (unsigned long long)rows);
        return;
    }
    for (uint64_t column = 0; column < columns; column++) {
        char *text = duck.text(result, column, 0);

        printf("%s%s", column > 0 ? "|" : "", text != NULL ? text : "");
        duck.free(text);
    }
    putchar('\n');
}

/* Run one statement; only the last one's result is printed. */
static void run(void *connection, void *statements, uint64_t index, bool last)
{
    struct result result = {0};
    void *prepared = NULL;

    if (duck.prepare(connection, statements, index, &prepared) != 0)
        die(1, "statement", duck.prepare_error(prepared));
    if (duck.execute(prepared, &result) != 0)
        die(1, "statement", duck.result_error(&result));
    if (last)
        print(&result);
    duck.destroy_result(&result);
    duck.destroy_prepared(&prepared);
}

int main(int argc, char **argv)
{
    void *database = NULL, *connection = NULL, *statements = NULL;
    uint64_t n;

    if (argc != 4) {
        fputs("usage: duck LIBRARY DATABASE SQL\n", stderr);
        return 2;
    }
    load(argv[1]);
    if (duck.open(argv[2], &database) != 0 || duck.connect(database, &connection) != 0)
        die(1, argv[2], "cannot be opened");
    n = duck.extract(connection, argv[3], &statements);
    if (n == 0)
        die(1, "SQL", duck.extract_error(statements));
    for (uint64_t i = 0; i < n; i++)
        run(connection, statements, i, i + 1 == n);
    duck.disconnect(&connection);
    duck.close(&database);
    return fflush(stdout) == 0 ? 0 : 1;
}
