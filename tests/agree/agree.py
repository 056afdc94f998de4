#!/usr/bin/env python3
"""Do random things to a store, and keep a plain list of the events that it should have: evs and the list must agree.

usage: agree.py SEED STORES EVENTS

In the present folder, one store after another, each of so many events, or fewer where they are large, made by appends of any size.
What evs was asked is in `log`, a line of the shell each; at the first disagreement that, the last input and the store are left.
"""
import json, os, subprocess, sys
from collections import defaultdict
from decimal import Decimal

from choose import GLOBS, glob, selected
from model import Event, Model, utc
from odd import BAD, Number, Object, World, rnd, some, write

FOLD = 'on "*" { n += 1; s += .n ?? 0; last = .eventType }\n'
FILLS = [("aggregateId", "s1", "--stream"), ("aggregateType", "Order", "--aggregate-type"), ("source", "c1", "--source"),
         ("correlationId", "c2", "--correlation"), ("causationId", "c2", "--causation"), ("tags", ["a", "a"], "--tag")]
compared = 0


class Store(Model):
    def __init__(self, name, world):
        super().__init__()
        self.name, self.world, self.project = name, world, a_projection()

    # -- asking evs --

    def evs(self, *args, wanted=(0,), file=None):
        """What a tool prints, when it has ended with a wanted status."""
        args = ["evs", args[0], self.name, *args[1:]]
        with open("log", "a", newline="\n") as log:
            log.write(" ".join("'" + a.replace("'", "'\\''") + "'" for a in args) + (" <" + file if file else "") + "\n")
        with open(file or "/dev/null", "rb") as stdin:
            ran = subprocess.run(args, stdin=stdin, capture_output=True, timeout=300)
        self.status, self.said = ran.returncode, ran.stderr.decode(errors="replace")[:2000]
        self.agree(ran.returncode in wanted, "status %d, not %s" % (ran.returncode, wanted))
        return ran.stdout

    def agree(self, yes, what):
        global compared
        compared += 1
        if not yes:
            sys.exit("%s\nevs said: %s\nlast commands, all are in `log`:\n%s" % (what, self.said, "".join(open("log").readlines()[-2:])))

    def same(self, got, wanted, what):
        if got != wanted and isinstance(got, bytes):
            got, wanted = got.splitlines(True), wanted.splitlines(True)
            at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
            what += " (%d lines, not %d; from line %d)" % (len(got), len(wanted), at + 1)
            got, wanted = got[at:at + 1], wanted[at:at + 1]
            self.agree(False, "%s: it is\n%.3000s\nand not\n%.3000s" % (what, got, wanted))
        self.agree(got == wanted, "%s: it is\n%.3000s\nand not\n%.3000s" % (what, got, wanted))

    # -- appending --

    def again(self, before):
        """The fields of an event that is in the store, or came just before; now and then with another one."""
        here = [e for e in before[-9:] if isinstance(e, Event)]
        old = rnd.choice(here if here and rnd.random() < 0.3 else self.events or here)
        return old.fields + [("other", None)] * (rnd.random() < self.other)

    def a_retry(self, events, n):
        """The fields of events that stand one behind another, or nearly."""
        self.retry_at = rnd.randrange(len(events)) if events else None
        found = events[self.retry_at:][:rnd.choice([1, 3, n])] if events else []
        found = found + found[:rnd.choice([0, 0, 0, 1])]
        return [e.fields if rnd.random() < 0.95 else [f for f in e.fields if f[0] != "timestamp"] for e in found]

    def an_input(self, n, stream, retry, bad, fills):
        """Lines: events, or bytes that are none."""
        lines, again = [], rnd.choice([0, 0.02, 0.3, 0.5, 1])
        self.other = rnd.choice([0, 0, 0.1])
        for i in range(len(retry) or n):
            if rnd.random() < bad:
                lines.append(rnd.choice(BAD))
                continue
            known = self.events or any(isinstance(e, Event) for e in lines[-9:])
            fields = retry[i] if retry else self.again(lines) if known and rnd.random() < again else self.world.event()
            if stream and not retry:
                fields = [f for f in fields if f[0] not in ("aggregateId", "aggregateType")]
                fields += [("aggregateId", stream[1])] + [("aggregateType", stream[0])] * (stream[0] is not None)
            lines.append(Event(fields, [f[:2] for f in fills]))
        return lines

    def a_query(self):
        """An append condition, and whether the store as it is meets it."""
        items = []
        for _ in range(rnd.choice([1, 1, 2])):
            item = {"types": rnd.choices(self.world.types, k=rnd.randrange(3))}
            item["tags"] = [some(["a", "b", "c", "none"]) for _ in range(rnd.choice([0, 1, 1, 2]))]
            items.append({k: v for k, v in item.items() if rnd.random() < 0.8})
        after = rnd.choice([0, max(0, len(self.events) - rnd.randrange(5)), rnd.randrange(len(self.events) + 1)])
        matches = lambda e: any((not i.get("types") or e.type in i["types"]) and set(i.get("tags", [])) <= set(e.tags) for i in items)
        args = ["--fail-if", json.dumps(items, ensure_ascii=rnd.random() < 0.5)] + (["--after", str(after)] if after else [])
        return args, after, not any(map(matches, self.events[after:]))

    def an_expectation(self, stream, retry):
        there = len(self.streams[stream])
        expect = rnd.choice([there, there, there, max(0, there - 1), there + 1, 0, "exists"])
        if retry:
            expect = rnd.choice([self.retry_at, self.retry_at, expect])
        return (["--expect", "exists"], None, there > 0) if expect == "exists" else (["--expect", str(expect)], expect + 1, there == expect)

    def append(self, n):
        """One append of about n lines, with any options; what it adds and how it ends must be as the manual says."""
        mode = rnd.choice(["plain", "plain", "skip", "atomic", "expect", "fail-if", "fail-if"])
        args, first, after, holds = {"skip": ["--on-error", "skip"], "atomic": ["--atomic"]}.get(mode, []), None, 0, True
        fills = [f for f in FILLS if rnd.random() < 0.3] if rnd.random() < 0.3 else []
        stream = rnd.choice(self.world.streams) if mode == "expect" else None
        retry = []
        if mode in ("expect", "fail-if") and rnd.random() < 0.3:
            retry = self.a_retry(self.streams[stream] if stream else self.events, n)
        lines = self.an_input(n, stream, retry, 0.1 if mode == "skip" else rnd.choice([0, 0, 0, 1 / n, 0.1]), fills)
        if stream:
            stream = next((e.stream for e in lines if isinstance(e, Event)), stream)  # a fill may have given it a type
            more, first, holds = self.an_expectation(stream, retry)
            args = args + more
        if mode == "fail-if" or (mode == "expect" and rnd.random() < 0.2):
            more, after, met = self.a_query()
            args, holds = args + more, holds and met
        if mode == "fail-if" and rnd.random() < 0.2:
            args = args + ["--on-error", "skip"]
        hashing, receipts = rnd.random() < 0.3, rnd.random() < 0.5
        args = args + ["--event-id", "hash"] * hashing + ["--receipts"] * receipts
        for _, value, option in fills:
            args = args + (["--tag", "a", "--tag", "a"] if option == "--tag" else [option, value])
        with open("in", "wb") as file:
            for e in lines:
                file.write(e if isinstance(e, bytes) else write(Object(e.fields), rnd.random() < 0.3).encode())
                file.write(rnd.choice([b"\n"] * 9 + [b"\n\n"]))
        wanted, added, taken = self.judge(lines, mode, "skip" in args, hashing, holds, after, first)
        printed = self.evs("append", *args, wanted=wanted, file="in")
        self.take(added)
        if receipts:
            self.same(printed, b"".join(e.receipt(was) for e, was in taken), "receipts")

    def take(self, added):
        """The store has these, and nothing else, behind what it had."""
        there = len(self.events)
        lines = self.evs("cat", "--after", str(there)).splitlines(True) if there or added else []
        self.same(len(lines), len(added), "how many events were added")
        for e, line in zip(added, lines):
            self.add(e, line)
            self.same(line, e.line, "an event")

    # -- selecting --

    def cat(self):
        args, events = selected(self, [1, 1, 2, 3, 4])
        got = self.evs("cat", *args, wanted=(0 if events is not None else 2,))
        self.same(got, b"".join(e.line for e in events or []), "cat")

    def find_shards(self, after=0):
        """Each stream, and each event without one, is in one of three shards, and remains there."""
        found = []
        for shard in 1, 2, 3:
            for line in self.evs("cat", "--shard", "%d/3" % shard, "--after", str(after), "--fields", ".position").splitlines():
                e = self.events[int(line[12:-1]) - 1]
                found.append(e.position)
                if self.shards.setdefault(e.stream or e.id, shard) != shard:
                    self.agree(False, "the event at position %d is in another shard than its stream was" % e.position)
        self.same(sorted(found), list(range(after + 1, len(self.events) + 1)), "the events of all shards")

    # -- counting --

    def stat(self):
        args, events = selected(self, [0, 1, 2, 3])
        got = self.evs("stat", *args, wanted=(0 if events is not None else 2,))
        if events is None:
            return
        got = json.loads(got)
        edges = lambda v: (utc(min(v)), utc(max(v))) if v else (None, None)
        first, last = edges([e.ns for e in events])
        first_recorded, last_recorded = edges([e.recorded_ns for e in events])
        wanted = {"events": len(events), "streams": len({e.stream for e in events if e.stream}), "types": len({e.type for e in events}),
                  "firstTime": first, "lastTime": last, "firstRecordedAt": first_recorded, "lastRecordedAt": last_recorded}
        self.same({k: got[k] for k in wanted}, wanted, "stat")

    def stat_by(self):
        keys = {"stream": lambda e: e.stream, "type": lambda e: e.type, "aggregate-type": lambda e: e.kind,
                "source": lambda e: e.envelope.get("source"), "day": lambda e: utc(e.ns)[:10], "hour": lambda e: utc(e.ns)[:13] + "Z"}
        by = rnd.choice(list(keys))
        args, events = selected(self, [0, 0, 1, 2])
        got = self.evs("stat", "--by", by, *args, wanted=(0 if events is not None else 2,))
        groups = defaultdict(list)
        for e in sorted(events or [], key=lambda e: e.position):
            groups[keys[by](e)].append(e)
        order = lambda k: (k is not None,) + tuple((p is not None, (p or "").encode()) for p in (k if isinstance(k, tuple) else (k,)))
        wanted = []
        for key in sorted(groups, key=order):
            named = [("aggregateType" if by == "aggregate-type" else by, key)]
            if by == "stream":
                named = [("aggregateType", key and key[0]), ("stream", key and key[1])]
            ends = [("first", min(groups[key], key=lambda e: e.ns)), ("last", max(groups[key], key=lambda e: e.ns))]
            wanted.append(write(Object(named + [("events", Number(len(groups[key])))] + [(k, e.timestamp) for k, e in ends])))
        self.same(got, "".join(w + "\n" for w in wanted).encode(), "stat --by " + by)

    # -- folding --

    def read_states(self, text):
        out = {}
        for line in text.splitlines():
            got = json.loads(line, parse_float=Decimal, parse_int=Decimal)
            state = got["state"]
            if state is None and got["position"] == 0:  # a stream was asked for, and no event of it counts
                continue
            place = (got["position"], got["revision"]) if "position" in got else ()
            out[got.get("aggregateType"), got["key"]] = (state["n"], state["s"], state["last"]) + place
        return out

    def replay(self):
        args, events = selected(self, [0, 1, 2, 3], reverse=False)
        got = self.evs("replay", "--fold", "fold", *args, wanted=(0 if events is not None else 2,))
        self.same(self.read_states(got), self.states(events or [], True), "replay")

    def projection(self):
        args, test = self.project
        self.evs("project", "run", "p", "--fold", "fold", *args)
        self.same(self.read_states(self.evs("project", "show", "p")), self.states(filter(test, self.events), False), "project show")

    # -- the whole --

    def whole(self):
        self.find_shards()
        self.evs("verify")
        lines = b"".join(e.line for e in self.events)
        self.same(self.evs("cat"), lines, "cat of all")
        copy = Store("copy" + self.name, self.world)
        self.evs("backup", copy.name)
        self.same(copy.evs("cat"), lines, "cat of the backup")

    def fill(self):
        while len(self.events) < self.world.size:
            before = len(self.events)
            n = rnd.choice([1, 2, 5, 30, 300, self.world.size // 4, self.world.size // 4])
            self.append(max(1, min(n, 40 * 2**20 // (self.world.bulk or 100), 30000)))
            self.find_shards(before)
            if not self.events:
                continue
            for _ in range(6):
                self.cat()
            for check in rnd.sample([self.stat, self.stat_by, self.stat_by, self.replay, self.replay, self.projection], 3):
                check()
        self.whole()


def a_projection():
    """Selectors, and what they are for."""
    pattern = rnd.choice(GLOBS)
    return rnd.choice([([], lambda e: True), (["--tag", "a"], lambda e: "a" in e.tags),
                       (["--type", pattern], lambda e: glob(pattern).match(e.type.encode()))])


def main(seed, stores, events):
    rnd.seed(seed)
    with open("fold", "w") as file:
        file.write(FOLD)
    total = 0
    for i in range(stores):
        store = Store("%d.evs" % i, World(events))
        store.fill()
        total += len(store.events)
        for name in os.listdir():
            if name.startswith(("%d.evs" % i, "copy%d.evs" % i)):
                os.remove(name)
    print("%d comparisons of %d stores with %d events, seed %d: no disagreement" % (compared, stores, total, seed))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
