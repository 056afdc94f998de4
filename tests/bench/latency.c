/*
 * latency: how long after a line is written to one command another one prints it.
 *
 *   latency [-a] [-n EVENTS] [-g GAP_MS] FEED -- WRITER [ARG...] -- FOLLOWER [ARG...]
 *
 *   -a          the writer answers each line with one: wait for it, too
 *   -n EVENTS   lines to measure (200), after 5 to warm up
 *   -g GAP_MS   pause before each line (5), so that both are asleep
 *
 * Both commands live as long as the measurement.  The clock starts right before a
 * line of FEED is written to the writer's standard input and stops when a line with
 * the same eventId has come out of the follower.
 * Prints "MEDIAN_MS P95_MS ANSWER_MEDIAN_MS", the last 0 without -a.
 */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 5UL
#define TIMEOUT_MS 10000
#define KEY_MARK "\"eventId\":\""

extern char **environ;

/* One end of a command: what came out of it and is not yet a whole line. */
struct source {
    int fd;
    size_t used;
    char pending[1 << 16];
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "latency: %s: %s\n", what, strerror(errno));
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

/* A pipe whose ends no command inherits by accident. */
static void make_pipe(int ends[2])
{
    if (pipe(ends) < 0 || fcntl(ends[0], F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(ends[1], F_SETFD, FD_CLOEXEC) < 0)
        die("pipe");
}

/* Start a command; -1 as `input` is /dev/null. */
static pid_t start(char **command, int input, int output)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    pid_t child;

    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    if ((errno = posix_spawn_file_actions_init(&files)) != 0 ||
        (errno = posix_spawnattr_init(&attributes)) != 0 ||
        (errno = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF)) != 0 ||
        (errno = posix_spawnattr_setsigdefault(&attributes, &defaults)) != 0)
        die("posix_spawn");
    if (input < 0)
        errno = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    else
        errno = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    if (errno != 0 ||
        (errno = posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO)) != 0)
        die("posix_spawn");
    if ((errno = posix_spawnp(&child, command[0], &files, &attributes, command, environ)) != 0)
        die(command[0]);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return child;
}

/* Read what there is; true when a line that contains `key` has come. */
static bool read_lines(struct source *s, const char *key, size_t key_size)
{
    ssize_t size = read(s->fd, s->pending + s->used, sizeof(s->pending) - s->used);
    bool found = false;
    char *line = s->pending;
    char *end;

    if (size <= 0) {
        fputs("latency: a command ended early\n", stderr);
        exit(1);
    }
    s->used += (size_t)size;
    while ((end = memchr(line, '\n', s->used - (size_t)(line - s->pending))) != NULL) {
        *end = '\0';
        for (char *at = line; !found && (at = strchr(at, *key)) != NULL; at++)
            found = strncmp(at, key, key_size) == 0;
        line = end + 1;
    }
    s->used -= (size_t)(line - s->pending);
    memmove(s->pending, line, s->used);
    if (s->used == sizeof(s->pending)) {
        fputs("latency: a line is too long\n", stderr);
        exit(1);
    }
    return found;
}

/* Write one line and wait for it to come out; the milliseconds until then. */
static void follow_line(const char *line, int to, struct source *answers, struct source *seen,
                        bool want_answer, double *seen_ms, double *answer_ms)
{
    const char *key = strstr(line, KEY_MARK);
    size_t key_size;
    double start_ms;

    if (key == NULL) {
        fputs("latency: a line without an eventId\n", stderr);
        exit(1);
    }
    key_size = sizeof(KEY_MARK) + strcspn(key + sizeof(KEY_MARK) - 1, "\"");
    *seen_ms = -1;
    *answer_ms = want_answer ? -1 : 0;

    start_ms = now_ms();
    if (write(to, line, strlen(line)) != (ssize_t)strlen(line)) /* fits the pipe's buffer */
        die("write");
    while (*seen_ms < 0 || *answer_ms < 0) {
        struct pollfd ready[2] = {{.fd = seen->fd, .events = POLLIN},
                                  {.fd = answers->fd, .events = POLLIN}};
        int n = poll(ready, want_answer ? 2 : 1, TIMEOUT_MS);

        if (n < 0 && errno != EINTR)
            die("poll");
        if (n == 0) {
            fprintf(stderr, "latency: nothing seen in %d ms of %s", TIMEOUT_MS, line);
            exit(1);
        }
        if (ready[0].revents != 0 && read_lines(seen, key, key_size))
            *seen_ms = now_ms() - start_ms;
        if (ready[1].revents != 0 && read_lines(answers, key, key_size))
            *answer_ms = now_ms() - start_ms;
    }
}

/* Measure with the two commands running. */
static void measure(FILE *feed, unsigned long n, long gap_ms, int to, struct source *answers,
                    struct source *seen, bool want_answer)
{
    double *seen_ms = calloc(n, sizeof(*seen_ms));
    double *answer_ms = calloc(n, sizeof(*answer_ms));
    char *line = NULL;
    size_t capacity = 0;

    if (seen_ms == NULL || answer_ms == NULL)
        die("calloc");
    for (unsigned long i = 0; i < WARM_UP + n; i++) {
        struct timespec gap = {gap_ms / 1000, gap_ms % 1000 * 1000000};
        double *at = &seen_ms[i < WARM_UP ? 0 : i - WARM_UP];
        double *answer_at = &answer_ms[i < WARM_UP ? 0 : i - WARM_UP];

        if (getline(&line, &capacity, feed) <= 0) {
            fputs("latency: more events wanted than lines\n", stderr);
            exit(1);
        }
        nanosleep(&gap, NULL);
        follow_line(line, to, answers, seen, want_answer, at, answer_at);
    }
    qsort(seen_ms, n, sizeof(*seen_ms), compare);
    qsort(answer_ms, n, sizeof(*answer_ms), compare);
    printf("%.3f %.3f %.3f\n", seen_ms[n / 2], seen_ms[n * 95 / 100], answer_ms[n / 2]);
    free(line);
    free(seen_ms);
    free(answer_ms);
}

static _Noreturn void usage(void)
{
    fputs("usage: latency [-a] [-n EVENTS] [-g GAP_MS] FEED -- WRITER [ARG...]"
          " -- FOLLOWER [ARG...]\n",
          stderr);
    exit(2);
}

/* The arguments after the next "--". */
static char **after_dashes(char **at)
{
    while (*at != NULL && strcmp(*at, "--") != 0)
        at++;
    if (*at == NULL || at[1] == NULL)
        usage();
    *at = NULL;
    return at + 1;
}

int main(int argc, char **argv)
{
    static struct source answers;
    static struct source seen;
    unsigned long n = 200;
    long gap_ms = 5;
    bool want_answer = false;
    int option;
    int input[2];
    int answer[2];
    int output[2];
    int status;

    while ((option = getopt(argc, argv, "+an:g:")) != -1) {
        if (option == 'a')
            want_answer = true;
        else if (option == 'n')
            n = strtoul(optarg, NULL, 10);
        else if (option == 'g')
            gap_ms = strtol(optarg, NULL, 10);
        else
            usage();
    }
    if (optind == argc || n == 0)
        usage();
    char **writer = after_dashes(argv + optind);
    char **follower = after_dashes(writer);
    FILE *feed = fopen(argv[optind], "re");

    if (feed == NULL)
        die(argv[optind]);
    make_pipe(input);
    make_pipe(answer);
    make_pipe(output);
    signal(SIGPIPE, SIG_IGN);

    pid_t reader = start(follower, -1, output[1]);
    pid_t appender = start(writer, input[0], answer[1]);
    close(input[0]);
    close(answer[1]);
    close(output[1]);
    answers.fd = answer[0];
    seen.fd = output[0];
    measure(feed, n, gap_ms, input[1], &answers, &seen, want_answer);

    close(input[1]);
    fclose(feed);
    waitpid(appender, &status, 0);
    kill(reader, SIGTERM);
    waitpid(reader, NULL, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fputs("latency: the writer failed\n", stderr);
        return 1;
    }
    return 0;
}
