/*
 * timed: how long a command takes, from its start to its end, and its memory.
 *
 *   timed [-n RUNS] [-i STDIN] [-o STDOUT] [-l LINES] [-b SHELL] [-s] COMMAND [ARG...]
 *
 *   -n RUNS    run it so often (1)
 *   -i STDIN   a file for its standard input (/dev/null)
 *   -o STDOUT  a file for its standard output (/dev/null)
 *   -l LINES   in place of -i: run I gets line I of this file through a pipe
 *   -b SHELL   a shell command to run before each run, outside the clock
 *   -s         write the system's dirty pages back before each run, outside the clock
 *
 * Prints "MEDIAN_MS PEAK_RSS_KB".  A run that fails ends it with exit status 1.
 */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct options {
    unsigned long runs;
    const char *input;
    const char *output;
    const char *lines;
    const char *before;
    bool sync_first;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "timed: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Open a file that the commands alone inherit as their standard input or output. */
static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0)
        die(path);
    return fd;
}

/* The read end of a pipe that holds the next line of the file. */
static int next_line(FILE *lines)
{
    static char *line;
    static size_t capacity;
    int ends[2];
    ssize_t size = getline(&line, &capacity, lines);

    if (size <= 0) {
        fputs("timed: more runs than lines\n", stderr);
        exit(1);
    }
    if (pipe(ends) < 0 || fcntl(ends[0], F_SETFD, FD_CLOEXEC) < 0)
        die("pipe");
    if (write(ends[1], line, (size_t)size) != size) /* fits the pipe's buffer */
        die("pipe");
    close(ends[1]);
    return ends[0];
}

/* Run the command once; returns milliseconds, and raises *rss_kb to its peak. */
static double run_once(char **command, int input, int output, long *rss_kb)
{
    posix_spawn_file_actions_t files;
    struct rusage usage;
    pid_t child;
    int status;
    double start;
    double end;

    if ((errno = posix_spawn_file_actions_init(&files)) != 0 ||
        (errno = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO)) != 0 ||
        (errno = posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO)) != 0)
        die("posix_spawn");

    start = now_ms();
    if ((errno = posix_spawnp(&child, command[0], &files, NULL, command, environ)) != 0)
        die(command[0]);
    while (wait4(child, &status, 0, &usage) < 0) {
        if (errno != EINTR)
            die("wait4");
    }
    end = now_ms();

    posix_spawn_file_actions_destroy(&files);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "timed: '%s' failed: %s %d\n", command[0],
                WIFEXITED(status) ? "exit status" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        exit(1);
    }
    if (usage.ru_maxrss > *rss_kb)
        *rss_kb = usage.ru_maxrss;
    return end - start;
}

/* Run the command as often as asked, and print the median and the peak. */
static void run_all(const struct options *o, char **command)
{
    double *ms = calloc(o->runs, sizeof(*ms));
    FILE *lines = NULL;
    long rss_kb = 0;

    if (ms == NULL || (o->lines != NULL && (lines = fopen(o->lines, "re")) == NULL))
        die(o->lines != NULL ? o->lines : "calloc");
    for (unsigned long i = 0; i < o->runs; i++) {
        int input;
        int output;

        if (o->before != NULL && system(o->before) != 0) {
            fprintf(stderr, "timed: '%s' failed\n", o->before);
            exit(1);
        }
        if (o->sync_first)
            sync();
        input = lines != NULL ? next_line(lines) : open_file(o->input, O_RDONLY);
        output = open_file(o->output, O_WRONLY | O_CREAT | O_TRUNC);
        ms[i] = run_once(command, input, output, &rss_kb);
        close(input);
        close(output);
    }
    if (lines != NULL)
        fclose(lines);
    qsort(ms, o->runs, sizeof(*ms), compare);
    printf("%.3f %ld\n", (ms[(o->runs - 1) / 2] + ms[o->runs / 2]) / 2, rss_kb);
    free(ms);
}

int main(int argc, char **argv)
{
    struct options o = {.runs = 1, .input = "/dev/null", .output = "/dev/null"};
    int option;

    /* The + keeps GNU getopt from taking the command's own options. */
    while ((option = getopt(argc, argv, "+n:i:o:l:b:s")) != -1) {
        switch (option) {
        case 'n':
            o.runs = strtoul(optarg, NULL, 10);
            break;
        case 'i':
            o.input = optarg;
            break;
        case 'o':
            o.output = optarg;
            break;
        case 'l':
            o.lines = optarg;
            break;
        case 'b':
            o.before = optarg;
            break;
        case 's':
            o.sync_first = true;
            break;
        default:
            o.runs = 0;
        }
    }
    if (optind == argc || o.runs == 0) {
        fputs("usage: timed [-n RUNS] [-i STDIN] [-o STDOUT] [-l LINES] [-b SHELL] [-s]"
              " COMMAND [ARG...]\n",
              stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_DFL);
    run_all(&o, argv + optind);
    return 0;
}
