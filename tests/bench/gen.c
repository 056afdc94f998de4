/*
 * gen: the benchmark's events, an endless and repeatable log of orders.
 *
 *   gen [-n EVENTS] [-s SEED] [--start K]     events K, K+1, ... as NDJSON
 *   gen [-n EVENTS] [-s SEED] [--start K] --check POSITION < CAT-OUTPUT
 *                                             is that exactly these events, stored
 *                                             at POSITION, POSITION + 1, ...?
 *   gen --hot-id                              the hot stream's aggregateId
 *   gen [-s SEED] --sample-id K               the eventId of event K
 *   gen [-s SEED] --sample-stream K           the aggregateId of event K
 *   gen [-s SEED] --sample-correlation K      the correlationId of event K
 *
 * Event K (from 0) is a pure function of the seed and K, so any part of the log
 * can be made without the part before it, and always comes out the same.
 *
 * How K becomes an event: 21,738 of each million belong to one hot stream,
 * evenly spread.  The others go round LANES lanes, in another order each round;
 * in a lane one order follows another, each living 7 to 12 rounds.  So some
 * 4,000 orders are under way at any moment, and the events of one order lie
 * about 4,000 events apart.
 */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MILLION 1000000U
#define HOT_PER_MILLION 21738U
#define LANE_BITS 12U
#define LANES (1U << LANE_BITS)
#define ORDERS_PER_PERIOD 4U
#define PERIOD 40U /* rounds in which a lane sees ORDERS_PER_PERIOD orders */
#define STEPS 12U
#define EVENT_MAX (UINT64_C(1) << 48) /* keeps K * HOT_PER_MILLION in 64 bits */
#define LINE_MAX_BYTES 4096U
#define BUFFER_BYTES ((size_t)1 << 20)

#define EPOCH_MS UINT64_C(1767225600000) /* 2026-01-01T00:00:00.000Z */
#define STEP_MS 250U                     /* four events a second ... */
#define JITTER_MS 400U                   /* ... not quite in order */

static const char hot_id[] = "7b0c3f52-9d1e-4c6a-8f27-5e1d2a90c4b8";

/* The life of an order; most orders skip a few of these steps. */
static const char *const step_name[STEPS] = {"drafted",  "placed",    "confirmed", "paid",
                                             "invoiced", "reserved",  "picked",    "packed",
                                             "shipped",  "delivered", "reviewed",  "closed"};

/* Which program reports a step. */
static const char *const step_source[STEPS] = {"shop",    "shop",    "shop",  "payment",
                                               "payment", "stock",   "stock", "stock",
                                               "carrier", "carrier", "shop",  "office"};

/* Lengths of the orders that follow each other in a lane; each row sums to PERIOD. */
static const uint8_t order_steps[8][ORDERS_PER_PERIOD] = {
    {12, 9, 8, 11}, {10, 10, 10, 10}, {7, 12, 11, 10}, {12, 8, 12, 8},
    {9, 9, 11, 11}, {11, 12, 7, 10},  {8, 11, 9, 12},  {10, 9, 12, 9}};

struct product {
    const char *sku;
    const char *name;
    uint32_t cents;
};

static const struct product products[] = {
    {"MUG-42", "Mug", 1290},          {"MUG-77", "Travel Mug", 2490},
    {"TEA-03", "Earl Grey", 895},     {"TEA-17", "Sencha", 1150},
    {"COF-20", "Espresso", 2190},     {"COF-31", "Filter Beans", 1295},
    {"LMP-01", "Desk Lamp", 5990},    {"LMP-15", "Clip Light", 3450},
    {"CHR-10", "Oak Chair", 14900},   {"CHR-22", "Stool", 3995},
    {"BAG-06", "Canvas Tote", 1990},  {"BAG-40", "Day Pack", 6990},
    {"PEN-11", "Fountain Pen", 2990}, {"PEN-19", "Black Ink", 1075},
    {"NTB-05", "Notebook A5", 790},   {"NTB-08", "Sketchbook", 1640},
    {"CBL-02", "USB-C Cable", 999},   {"CBL-11", "HDMI Cable", 1449},
    {"KBD-03", "Keyboard", 8900},     {"MSE-50", "Mouse", 3290},
    {"BTL-10", "Bottle", 2250},       {"BTL-23", "Flask", 2790},
    {"TWL-05", "Linen Towel", 1890},  {"KNF-01", "Knife", 2990}};

static const char *const cities[] = {"Leeds",     "Berlin", "Lyon", "Torino", "Madrid", "Utrecht",
                                     "Malmö",     "Linz",   "Bath", "Zürich", "Porto",  "Nantes",
                                     "København", "Kraków", "Cork", "Köln"};

static const char *const agents[] = {"web/4.2", "ios/3.1", "android/3.1", "web/4.1"};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* What a random number is drawn for: the same K gives unrelated numbers. */
enum purpose {
    FOR_ID = 1,
    FOR_ID_LOW,
    FOR_STREAM,
    FOR_CORRELATION,
    FOR_CAUSE,
    FOR_ORDER,
    FOR_MASK,
    FOR_LANE,
    FOR_ROUND,
    FOR_TIME
};

struct uuid {
    uint64_t high;
    uint64_t low;
};

/* Where event K belongs. */
struct event {
    uint64_t k;
    uint64_t order;    /* the order's number: what its content is drawn from */
    unsigned step;     /* index into step_name */
    bool hot;          /* of the hot stream */
    bool has_previous; /* `previous` is the event before it in its stream */
    uint64_t previous;
    uint64_t revision; /* in its stream, when the log is stored from event 0 on */
};

static uint64_t seed = 1;
static char hex_pair[256][2];

/* A 64-bit mixer (splitmix64's): every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* The random number of `x` for one purpose. */
static uint64_t draw(enum purpose purpose, uint64_t x)
{
    return mix(mix(seed + (uint64_t)purpose * UINT64_C(0x9e3779b97f4a7c15)) + x);
}

/* Put the version and variant bits of a random (v4) UUID around 60 + 62 random bits. */
static struct uuid uuid_of(uint64_t high60, uint64_t low)
{
    return (struct uuid){((high60 << 4) & ~UINT64_C(0xffff)) | 0x4000 | (high60 & 0xfff),
                         (low >> 2) | (UINT64_C(1) << 63)};
}

/* eventId of event K.  Each step maps 60 bits one to one: no two K share an id. */
static struct uuid event_id(uint64_t k)
{
    const uint64_t mask = (UINT64_C(1) << 60) - 1;
    uint64_t x = (k + draw(FOR_ID, 0)) & mask;

    x ^= x >> 31;
    x = (x * UINT64_C(0xbf58476d1ce4e5b9)) & mask;
    x ^= x >> 29;
    x = (x * UINT64_C(0x94d049bb133111eb)) & mask;
    x ^= x >> 32;
    return uuid_of(x, draw(FOR_ID_LOW, k));
}

/* A UUID drawn for `x`. */
static struct uuid random_uuid(enum purpose purpose, uint64_t x)
{
    uint64_t high = draw(purpose, x);

    return uuid_of(high >> 4, mix(high + 1));
}

/* Events of the hot stream among the first K. */
static uint64_t hot_before(uint64_t k)
{
    return k / MILLION * HOT_PER_MILLION + k % MILLION * HOT_PER_MILLION / MILLION;
}

/* The K of the n-th (from 0) event outside the hot stream. */
static uint64_t cold_k(uint64_t n)
{
    uint64_t k = n / (MILLION - HOT_PER_MILLION) * MILLION;

    k += n % (MILLION - HOT_PER_MILLION) * MILLION / (MILLION - HOT_PER_MILLION);
    while (k > 0 && k - hot_before(k) > n)
        k--;
    while (k + 1 - hot_before(k + 1) <= n)
        k++;
    return k;
}

/* The K of the n-th (from 0) event of the hot stream. */
static uint64_t hot_k(uint64_t n)
{
    uint64_t k = n / HOT_PER_MILLION * MILLION + n % HOT_PER_MILLION * MILLION / HOT_PER_MILLION;

    while (hot_before(k + 1) <= n)
        k++;
    return k;
}

/* The number whose product with the odd `a` is 1, modulo 2^32. */
static uint32_t inverse(uint32_t a)
{
    uint32_t x = a;

    for (int i = 0; i < 5; i++)
        x *= 2 - a * x;
    return x;
}

/* Which lane has its turn at `slot` of a round. */
static uint32_t lane_at(uint64_t round, uint32_t slot)
{
    uint64_t r = draw(FOR_ROUND, round);
    uint32_t x = (slot ^ (uint32_t)r) & (LANES - 1);

    x = (x * ((uint32_t)(r >> 16) | 1)) & (LANES - 1);
    x ^= x >> (LANE_BITS / 2);
    return (x * ((uint32_t)(r >> 32) | 1)) & (LANES - 1);
}

/* At which slot of a round a lane has its turn: lane_at() backwards. */
static uint32_t slot_of(uint64_t round, uint32_t lane)
{
    uint64_t r = draw(FOR_ROUND, round);
    uint32_t x = (lane * inverse((uint32_t)(r >> 32) | 1)) & (LANES - 1);

    x ^= x >> (LANE_BITS / 2);
    x = (x * inverse((uint32_t)(r >> 16) | 1)) & (LANES - 1);
    return (x ^ (uint32_t)r) & (LANES - 1);
}

/* The step that an order of `length` steps takes as its `index`-th (from 0). */
static unsigned step_of(uint64_t order, unsigned length, unsigned index)
{
    unsigned mask = (1U << STEPS) - 1;
    uint64_t r = draw(FOR_MASK, order);
    unsigned step = 0;

    for (unsigned left = STEPS - length; left > 0; r = (r >> 4) | (r << 60)) {
        unsigned skip = (unsigned)(r % STEPS);
        if (mask & (1U << skip)) {
            mask &= ~(1U << skip);
            left--;
        } else {
            r = mix(r + 1);
        }
    }
    for (;; step++) {
        if (mask & (1U << step) && index-- == 0)
            return step;
    }
}

/* Find out where event K belongs. */
static struct event locate(uint64_t k)
{
    struct event e = {.k = k};
    uint64_t hot = hot_before(k);

    if (hot_before(k + 1) > hot) {
        e.hot = true;
        e.order = UINT64_MAX - hot; /* each of its events has content of its own */
        e.step = (unsigned)(hot % STEPS);
        e.has_previous = hot > 0;
        e.previous = hot > 0 ? hot_k(hot - 1) : 0;
        e.revision = hot + 1;
        return e;
    }

    uint64_t cold = k - hot;
    uint64_t round = cold / LANES;
    uint32_t lane = lane_at(round, (uint32_t)(cold % LANES));
    uint64_t turn = round + draw(FOR_LANE, lane) % PERIOD;
    uint64_t period = turn / PERIOD * LANES + lane;
    unsigned index = (unsigned)(turn % PERIOD);
    const uint8_t *length = order_steps[draw(FOR_LANE, period + LANES) % COUNT(order_steps)];
    unsigned order = 0;

    while (index >= length[order])
        index -= length[order++];
    e.order = period * ORDERS_PER_PERIOD + order;
    e.step = step_of(e.order, length[order], index);
    e.revision = (index < round ? index : round) + 1; /* event 0 finds orders under way */
    e.has_previous = e.revision > 1;
    if (e.has_previous)
        e.previous = cold_k((round - 1) * LANES + slot_of(round - 1, lane));
    return e;
}

/* Append a string. */
static char *put(char *to, const char *text)
{
    size_t size = strlen(text);

    memcpy(to, text, size);
    return to + size;
}

/* Append a literal: its length is known to the compiler. */
#define PUT(to, literal) ((char *)memcpy(to, literal, sizeof(literal) - 1) + sizeof(literal) - 1)

/* Append a UUID in its canonical form. */
static char *put_uuid(char *to, struct uuid id)
{
    for (unsigned i = 0; i < 16; i++) {
        uint64_t half = i < 8 ? id.high : id.low;
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        memcpy(to, hex_pair[(half >> (56 - i % 8 * 8)) & 0xff], 2);
        to += 2;
    }
    return to;
}

/* Append a number with at least `width` digits. */
static char *put_number(char *to, uint64_t n, unsigned width)
{
    char digits[20];
    unsigned used = 0;

    do {
        digits[used++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0 || used < width);
    while (used > 0)
        *to++ = digits[--used];
    return to;
}

/* Append an amount of money: 29.90. */
static char *put_money(char *to, uint64_t cents)
{
    to = put_number(to, cents / 100, 1);
    *to++ = '.';
    return put_number(to, cents % 100, 2);
}

/* Append a moment; the date is worked out anew only when the day changes. */
static char *put_time(char *to, uint64_t ms)
{
    static uint64_t known_day = UINT64_MAX;
    static char date[11];
    uint64_t day = ms / 86400000U;
    uint64_t rest = ms % 86400000U;

    if (day != known_day) {
        /* Days since 0000-03-01, whose years end with the leap day. */
        uint64_t z = day + 719468;
        uint64_t era = z / 146097;
        uint64_t doe = z % 146097;
        uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
        uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        uint64_t mp = (5 * doy + 2) / 153;
        uint64_t month = mp < 10 ? mp + 3 : mp - 9;
        char *p = put_number(date, yoe + era * 400 + (month <= 2), 4);

        *p++ = '-';
        p = put_number(p, month, 2);
        *p++ = '-';
        p = put_number(p, doy - (153 * mp + 2) / 5 + 1, 2);
        *p = 'T';
        known_day = day;
    }
    memcpy(to, date, sizeof(date));
    to = put_number(to + sizeof(date), rest / 3600000, 2);
    *to++ = ':';
    to = put_number(to, rest / 60000 % 60, 2);
    *to++ = ':';
    to = put_number(to, rest / 1000 % 60, 2);
    *to++ = '.';
    to = put_number(to, rest % 1000, 3);
    *to++ = 'Z';
    return to;
}

/* Take a number below `limit` out of a random number, and leave the rest for the next. */
static unsigned take(uint64_t *random, unsigned limit)
{
    unsigned taken = (unsigned)(*random % limit);

    *random /= limit;
    return taken;
}

/* Append the items of an order, and add up its total. */
static char *put_items(char *to, uint64_t *random, uint64_t *total)
{
    static const uint8_t item_count[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3};
    static const uint8_t quantities[8] = {1, 1, 1, 1, 1, 2, 2, 3};
    unsigned count = item_count[take(random, 16)];

    to = PUT(to, ",\"items\":[");
    for (unsigned i = 0; i < count; i++) {
        const struct product *product = &products[take(random, COUNT(products))];
        unsigned quantity = quantities[take(random, 8)];

        to = PUT(to, "{\"sku\":\"");
        to = put(to, product->sku);
        to = PUT(to, "\",\"name\":\"");
        to = put(to, product->name);
        to = PUT(to, "\",\"quantity\":");
        to = put_number(to, quantity, 1);
        to = PUT(to, ",\"price\":");
        to = put_money(to, product->cents);
        to = PUT(to, "},");
        *total += (uint64_t)quantity * product->cents;
    }
    to[-1] = ']';
    return to;
}

/* Append data and metadata: the order as it stands, in all its events the same but the status. */
static char *put_content(char *to, const struct event *e, uint64_t random)
{
    uint64_t total = 0;
    unsigned customer = 10000 + take(&random, 40000);
    const char *city = cities[take(&random, COUNT(cities))];

    to = PUT(to, ",\"data\":{\"customer\":\"c");
    to = put_number(to, customer, 5);
    to = PUT(to, "\",\"status\":\"");
    to = put(to, step_name[e->step]);
    to = PUT(to, "\",\"currency\":\"EUR\"");
    to = put_items(to, &random, &total);
    to = PUT(to, ",\"total\":");
    to = put_money(to, total);
    to = PUT(to, ",\"address\":{\"city\":\"");
    to = put(to, city);
    to = PUT(to, "\"}},\"metadata\":{\"user\":\"u");
    to = put_number(to, customer % 97, 2);
    to = PUT(to, "\",\"ip\":\"10.0.");
    to = put_number(to, customer % 8, 1);
    *to++ = '.';
    to = put_number(to, customer % 250 + 1, 1);
    to = PUT(to, "\",\"agent\":\"");
    to = put(to, agents[customer % COUNT(agents)]);
    return PUT(to, "\"}}\n");
}

/* aggregateId of an event. */
static char *put_stream(char *to, const struct event *e)
{
    if (e->hot)
        return PUT(to, hot_id);
    return put_uuid(to, random_uuid(FOR_STREAM, e->order));
}

/* correlationId of an event: one an order. */
static char *put_correlation(char *to, const struct event *e)
{
    return put_uuid(to, random_uuid(FOR_CORRELATION, e->hot ? UINT64_MAX : e->order));
}

/* Append event K as a line; at most LINE_MAX_BYTES. */
static char *put_event(char *to, uint64_t k)
{
    struct event e = locate(k);
    uint64_t content = draw(FOR_ORDER, e.order);

    to = PUT(to, "{\"eventId\":\"");
    to = put_uuid(to, event_id(k));
    to = PUT(to, "\",\"eventType\":\"order.");
    to = put(to, step_name[e.step]);
    to = PUT(to, "\",\"timestamp\":\"");
    to = put_time(to, EPOCH_MS + k * STEP_MS + draw(FOR_TIME, k) % JITTER_MS);
    to = PUT(to, "\",\"aggregateId\":\"");
    to = put_stream(to, &e);
    to = PUT(to, "\",\"aggregateType\":\"Order\",\"source\":\"");
    to = put(to, step_source[e.step]);
    to = PUT(to, "\",\"correlationId\":\"");
    to = put_correlation(to, &e);
    to = PUT(to, "\",\"causationId\":\"");
    to = put_uuid(to, e.has_previous ? event_id(e.previous) : random_uuid(FOR_CAUSE, k));
    to = PUT(to, "\"");
    if (e.step == 1) {
        to = PUT(to, ",\"tags\":[\"region:");
        *to++ = (char)('a' + content % 8);
        to = PUT(to, "\"]");
    }
    return put_content(to, &e, content);
}

/* Write all of it, or say why not and leave. */
static void write_all(const char *from, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, from, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            perror("gen: cannot write");
            exit(1);
        }
        from += written;
        size -= (size_t)written;
    }
}

/* Write events first .. first + n - 1. */
static void write_events(uint64_t first, uint64_t n)
{
    char *buffer = malloc(BUFFER_BYTES);
    char *to = buffer;

    if (buffer == NULL) {
        perror("gen");
        exit(1);
    }
    for (uint64_t k = first; k - first < n; k++) {
        to = put_event(to, k);
        if ((size_t)(to - buffer) > BUFFER_BYTES - LINE_MAX_BYTES) {
            write_all(buffer, (size_t)(to - buffer));
            to = buffer;
        }
    }
    write_all(buffer, (size_t)(to - buffer));
    free(buffer);
}

/* Skip a literal and then digits, whose value is `*n`.  NULL where they do not stand. */
static const char *skip_number(const char *at, const char *literal, uint64_t *n)
{
    size_t size = strlen(literal);

    if (at == NULL || strncmp(at, literal, size) != 0 || at[size] < '0' || at[size] > '9')
        return NULL;
    *n = 0;
    for (at += size; *at >= '0' && *at <= '9'; at++)
        *n = *n * 10 + (uint64_t)(*at - '0');
    return at;
}

/* Is the line event K, with the three fields that the store adds? */
static bool is_stored(const char *line, size_t size, uint64_t k, uint64_t position, bool from_zero)
{
    static const char recorded[] = ",\"recordedAt\":\"";
    static char expected[LINE_MAX_BYTES];
    size_t same = (size_t)(put_event(expected, k) - expected) - 2; /* without }, newline */
    uint64_t p = 0;
    uint64_t revision = 0;
    const char *at;

    if (size < same || memcmp(line, expected, same) != 0)
        return false;
    at = skip_number(line + same, ",\"position\":", &p);
    at = skip_number(at, ",\"revision\":", &revision);
    return at != NULL && p == position && (!from_zero || revision == locate(k).revision) &&
           strncmp(at, recorded, sizeof(recorded) - 1) == 0 &&
           strcmp(line + size - 3, "\"}\n") == 0;
}

/* Are the lines on standard input events first .. first + n - 1?  If not, says what is wrong. */
static bool check_events(uint64_t first, uint64_t n, uint64_t position)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    uint64_t seen = 0;

    while ((size = getline(&line, &capacity, stdin)) > 0) {
        if (seen < n && !is_stored(line, (size_t)size, first + seen, position + seen, first == 0)) {
            fprintf(stderr, "gen: line %ju is not event %ju: %s", (uintmax_t)seen + 1,
                    (uintmax_t)(first + seen), line);
            free(line);
            return false;
        }
        seen++;
    }
    free(line);
    if (ferror(stdin)) {
        perror("gen: cannot read");
        return false;
    }
    if (seen != n)
        fprintf(stderr, "gen: %ju events in place of %ju\n", (uintmax_t)seen, (uintmax_t)n);
    return seen == n;
}

static _Noreturn void usage(void)
{
    fputs("usage: gen [-n EVENTS] [-s SEED] [--start K] [--check POSITION]\n"
          "       gen [-s SEED] --hot-id | --sample-id K | --sample-stream K |"
          " --sample-correlation K\n",
          stderr);
    exit(2);
}

/* A number on the command line. */
static uint64_t number(const char *text)
{
    char *end;
    unsigned long long n;

    if (text == NULL || *text < '0' || *text > '9')
        usage();
    errno = 0;
    n = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || n >= EVENT_MAX)
        usage();
    return n;
}

int main(int argc, char **argv)
{
    uint64_t events = MILLION;
    uint64_t start = 0;
    uint64_t position = 0; /* not asked to check */
    const char *ask = NULL;

    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(option, "--hot-id") == 0) {
            ask = option;
            continue;
        }
        if (strcmp(option, "-n") == 0)
            events = number(value);
        else if (strcmp(option, "-s") == 0)
            seed = number(value);
        else if (strcmp(option, "--start") == 0)
            start = number(value);
        else if (strcmp(option, "--check") == 0)
            position = number(value);
        else if (strncmp(option, "--sample-", 9) == 0) {
            ask = option;
            start = number(value);
        } else
            usage();
        i++;
    }
    for (unsigned i = 0; i < 256; i++)
        memcpy(hex_pair[i], (char[]){"0123456789abcdef"[i >> 4], "0123456789abcdef"[i & 15]}, 2);

    if (position > 0)
        return check_events(start, events, position) ? 0 : 1;
    if (ask == NULL) {
        write_events(start, events);
        return 0;
    }
    char answer[64];
    char *end = answer;
    struct event e = locate(start);

    if (strcmp(ask, "--hot-id") == 0)
        end = PUT(end, hot_id);
    else if (strcmp(ask, "--sample-id") == 0)
        end = put_uuid(end, event_id(start));
    else if (strcmp(ask, "--sample-stream") == 0)
        end = put_stream(end, &e);
    else if (strcmp(ask, "--sample-correlation") == 0)
        end = put_correlation(end, &e);
    else
        usage();
    *end++ = '\n';
    write_all(answer, (size_t)(end - answer));
    return 0;
}
