"""Random selectors: the arguments, and which events of a model they are for."""
import re
from decimal import Decimal

from model import nanoseconds, utc
from odd import rnd

GLOBS = ["order*", "order.*", "order?", "*", "*.p*d", "?*.?", "[a-c]*", "[!o]*",
         "order.p[al]*", "a\\*b", "a[[]b]c", "*\\\\*", "?.?", "t.1?", "t.*", "none"]


def glob(pattern):
    """A GLOB as an expression on bytes."""
    out = re.sub(rb"\\(.)|(\*)|(\?)|\[(\^|!)?(\]?[^\]]*)\]|(.)", lambda m: re.escape(m[1] or m[6]) if m[1] or m[6] else b".*" if m[2] else
                 rb"(?:[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*)" if m[3] else
                 b"[" + (b"^" if m[4] else b"") + m[5].replace(b"[", rb"\[") + b"]", pattern.encode(), flags=re.S)
    return re.compile(out + rb"\Z", re.S)


WHERES = [
    (".n > 5", lambda e: e.n is not None and e.n > 5),
    (".n == 1", lambda e: e.n is not None and e.n == 1),
    (".n <= 0.1 || .version == 2", lambda e: (e.n is not None and e.n <= Decimal("0.1")) or e.envelope.get("version") == "2"),
    ("len(.tags) == 2", lambda e: len(e.tags) == 2),
    ('"a" in .tags', lambda e: "a" in e.tags),
    (".position % 3 == 0", lambda e: e.position % 3 == 0),
    (".revision > 2", lambda e: e.revision > 2),
    ('.correlationId == .causationId', lambda e: e.envelope.get("correlationId") == e.envelope.get("causationId")),
    ('startswith(.eventId, "e1")', lambda e: e.id.startswith("e1")),
    ('.eventType > "order"', lambda e: e.type.encode() > b"order"),
    ('!has(.data) && .aggregateId != null', lambda e: "data" not in e.envelope and e.stream is not None),
]


def a_selector(model):
    """Arguments, and which events they are for; None where another choice is wanted."""
    e = rnd.choice(model.events)
    edge = rnd.choice(model.events).position + rnd.choice([-1, 0, 0, 1])
    which = rnd.randrange(17)
    if which == 0 and e.stream:
        return ["--stream", e.stream[1]], lambda x: x.stream is not None and x.stream[1] == e.stream[1]
    if which == 1 and e.stream:
        return ["--stream", e.stream[1], "--aggregate-type", e.kind or ""], lambda x: x.stream == e.stream
    if which == 2:
        return ["--aggregate-type", e.kind or ""], lambda x: x.kind == e.kind
    if which == 3:
        globs = [rnd.choice(GLOBS + [re.sub(r"([*?\[\\])", r"\\\1", e.type)] * 10) for _ in range(rnd.choice([1, 1, 2, 3]))]
        found = [glob(g) for g in globs]
        return [a for g in globs for a in ("--type", g)], lambda x: any(g.match(x.type.encode()) for g in found)
    if which == 4:
        tags = rnd.sample(e.tags, min(len(e.tags), rnd.choice([1, 1, 2, 3]))) + rnd.choice([[], [], [], ["none"]])
        return [a for t in tags for a in ("--tag", t)], lambda x: set(tags) <= set(x.tags)
    if which in (5, 6, 7):
        option, field = [("--correlation", "correlationId"), ("--causation", "causationId"), ("--source", "source")][which - 5]
        name = rnd.choice([e.envelope.get(field, "c1"), "c2"])
        return [option, name], lambda x: x.envelope.get(field) == name
    if which == 8:
        wanted = rnd.choice([e.id, e.id, e.id.swapcase(), "none"])
        return ["--event", wanted], lambda x: x.id == wanted
    if which == 9:
        return ["--from", str(max(edge, 1))], lambda x: x.position >= max(edge, 1)
    if which == 10:
        return ["--after", str(edge)], lambda x: x.position > edge
    if which == 11:
        return ["--to", str(edge)], lambda x: x.position <= edge
    if which == 12:
        return ["--from-revision", str(e.revision or 1)], lambda x: x.revision >= (e.revision or 1)
    if which == 13:
        cut = rnd.choice([99, 16, 10])  # all of it, the minute, the day, which are of UTC then
        text = e.timestamp if cut == 99 else utc(e.ns)[:cut]
        start = e.ns if cut == 99 else nanoseconds((text + "T00:00")[:16] + ":00")
        end = start + {99: 0, 16: 60 * 10**9 - 1, 10: 86400 * 10**9 - 1}[cut]
        return rnd.choice([(["--since", text], lambda x: x.ns >= start), (["--until", text], lambda x: x.ns <= end),
                           (["--since", text, "--until", text], lambda x: start <= x.ns <= end)])
    if which == 14:
        return ["--as-of", e.recorded], lambda x: x.recorded_ns <= e.recorded_ns
    if which == 15:
        n, of = rnd.choice([(1, 1), (1, 3), (2, 3), (3, 3)])
        return ["--shard", "%d/%d" % (n, of)], lambda x: of == 1 or model.shards[x.stream or x.id] == n
    expr, test = rnd.choice(WHERES)
    return ["--where", expr], test


def selected(model, most, reverse=True):
    """Random selectors: their arguments and the events, or None where --stream is ambiguous."""
    args, tests, seen = [], [], set()
    for _ in range(rnd.choice(most)):
        made = a_selector(model) if model.events else None
        if made and made[0] and not any("\0" in a for a in made[0]) and not seen & set(a for a in made[0] if a.startswith("--")):
            seen |= {a for a in made[0] if a.startswith("--")}
            args, tests = args + made[0], tests + [made[1]]
    events = [e for e in model.events if all(t(e) for t in tests)]
    if "--stream" in args and "--aggregate-type" not in args:
        name = args[args.index("--stream") + 1]
        if model.namesakes(name) > 1:
            return args, None
    if rnd.random() < 0.2:
        n = rnd.choice([0, 1, 2, 10, 1000])
        args, events = args + ["--last", str(n)], events[len(events) - min(n, len(events)):]
    if reverse and rnd.random() < 0.3:
        args, events = args + ["--reverse"], events[::-1]
    if rnd.random() < 0.3:
        n = rnd.choice([0, 1, 2, 10, 1000])
        args, events = args + ["--limit", str(n)], events[:n]
    return args, events
