"""The events that a store should have, in a plain list, and what evs should say of them."""
import json, re
from collections import defaultdict
from datetime import datetime
from decimal import Context, Decimal, setcontext

from odd import write

setcontext(Context(prec=3000))  # sums as long as they come

TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))?$")


def nanoseconds(text):
    date, hour, minute, second, fraction, sign, h, m = TIME.match(text).groups()
    seconds = (datetime.fromisoformat(date) - datetime(1970, 1, 1)).days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign:
        seconds -= int(sign + "1") * (int(h) * 3600 + int(m) * 60)
    return seconds * 10**9 + int((fraction or "").ljust(9, "0")[:9])


def utc(ns):
    seconds, rest = divmod(ns, 10**9)
    days, seconds = divmod(seconds, 86400)
    date = datetime.fromordinal(days + datetime(1970, 1, 1).toordinal())
    return "%s:%02d.%06dZ" % (date.replace(hour=seconds // 3600, minute=seconds // 60 % 60).isoformat()[:16], seconds % 60, rest // 1000)


class Event:
    """An event with what append fills in; one that has no eventId or timestamp of its own gets them when it is seen in the store."""

    def __init__(self, fields, fills=()):
        self.fields = fields
        fields = [f for f in fields if f[0] not in ("position", "revision", "recordedAt")]
        names = {name for name, _ in fields}
        fields = fields + [f for f in fills if f[0] not in names]
        self.own = [(name, write(value)) for name, value in fields]
        self.envelope = dict(fields)
        get = self.envelope.get
        self.id = get("eventId")
        self.hash = None
        self.timed = "timestamp" in self.envelope
        self.type, self.tags, self.kind, self.n = get("eventType"), get("tags", []), get("aggregateType") or None, get("n")
        self.n = None if self.n is None else Decimal(self.n)
        self.stream = (self.kind, get("aggregateId")) if "aggregateId" in self.envelope else None

    def content(self, timed=True):
        """What makes two events with the same eventId the same."""
        return [f for f in self.own if timed or f[0] != "timestamp"]

    def settle(self, line, position, revision):
        """The store has it here. What only the store knows is taken from its line, and the whole line must be as it should be."""
        got = json.loads(line)
        for name in "eventId", "timestamp":
            if name not in self.envelope:
                self.own.append((name, write(got[name])))
        self.id, self.timestamp, self.recorded = got["eventId"], got["timestamp"], got["recordedAt"]
        self.ns, self.recorded_ns = nanoseconds(self.timestamp), nanoseconds(self.recorded)
        self.position, self.revision = position, revision
        places = [("position", str(position))] + ([("revision", str(revision))] if revision else []) + [("recordedAt", write(self.recorded))]
        self.line = ("{" + ",".join(write(k) + ":" + v for k, v in self.own + places) + "}\n").encode()

    def receipt(self, was):
        """What append prints of it; was: it had been there before."""
        fields = {"eventId": self.id, "position": self.position, "stream": self.stream and self.stream[1], "revision": self.revision or None}
        return (json.dumps({**fields, "duplicate": was}, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


class Model:
    def __init__(self):
        self.events, self.streams, self.ids, self.hashed = [], defaultdict(list), {}, {}
        self.shards = {}  # which of three a stream is in, or the eventId of an event without one

    def judge(self, lines, mode, skip, hashing, holds, after, first):
        """How an append of these lines ends, which events it adds, and of which events it gives receipts."""
        whole, condition = mode in ("atomic", "expect", "fail-if"), mode in ("expect", "fail-if")
        ids, hashed, added, repeats, taken, rejected, trouble = {}, {}, [], {}, [], False, None
        for e in lines:
            known, why = None, 1 if isinstance(e, bytes) else 0
            if not why and e.id is None and hashing:
                e.hash = tuple(e.content())
                known = hashed.get(e.hash) or self.hashed.get(e.hash)
            elif not why and e.id is not None:
                known = ids.get(e.id) or self.ids.get(e.id)
                if known and known.content(e.timed) != e.content():
                    why = 3
            if why and skip:
                rejected = True
            elif why:
                trouble = why
                break
            elif known:
                taken.append((known, True))
                if hasattr(known, "position"):
                    repeats[known.position] = known
            else:
                taken.append((e, False))
                added.append(e)
                if e.id is not None:
                    ids[e.id] = e
                elif hashing:
                    hashed[e.hash] = e
        if condition and trouble:
            return (1, 3), [], []  # of several reasons any may be said
        if whole and trouble:
            return (trouble,), [], []
        if condition and repeats:
            place = [e.revision if mode == "expect" else e.position for e in repeats.values()]
            start = first if first is not None else place[0]
            if added or place != list(range(start, start + len(place))) or min(repeats) <= after:
                return (3,), [], []
        elif condition and (added or rejected) and not holds:
            return (3,), [], []
        return (trouble or (4 if rejected else 0),), added, taken

    def add(self, e, line):
        """An event is behind the others now; line is what the store has made of it."""
        stream = self.streams[e.stream] if e.stream else []
        stream.append(e)
        self.events.append(e)
        e.settle(line, len(self.events), len(stream) if e.stream else 0)
        self.ids[e.id] = e
        if e.hash:
            self.hashed[e.hash] = e

    def namesakes(self, name):
        """How many streams have this aggregateId."""
        return len([stream for stream in self.streams if stream[1] == name and self.streams[stream]])

    def states(self, events, places):
        """What the fold makes of events: by stream, how many, the sum of n, the last type; with the place of the last event."""
        out = {}
        for e in sorted((e for e in events if e.stream), key=lambda e: e.position):
            n, s = out.get(e.stream, (0, Decimal(0)))[:2]
            out[e.stream] = (n + 1, s + (e.n or 0), e.type) + ((e.position, e.revision) if places else ())
        return out
