#!/usr/bin/env python3
"""A random walk through history with `evs replay -i`, checked step by step against states that are folded here.

walk_history.py SEED COMMANDS EVENTS whole|stream|key: writes events.ndjson and t.fold into the current folder, appends the
events to walk.evs, walks with so many commands, and ends with 1 at the first place or state that is another than here.
"""
import json, random, subprocess, sys
from fnmatch import fnmatchcase

seed, commands, n_events, mode = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
chance = random.Random(seed)

# ---- events, and the states after each, by key
FOLD = """on "made" { n = 0; log = [] }
on "added" { n += .data.by; push log .data.by; by[.data.who].n += .data.by }
on "taken" { n -= .data.by; unset by[.data.who] }
on "ended" { delete }
"""
events, states = [], [{}]  # states[p]: after position p, by key
for position in range(1, n_events + 1):
    kind = chance.choices(["made", "added", "taken", "ended", "noted"], [2, 10, 8, 1, 4])[0]
    event = {"eventType": kind, "eventId": "e%d" % position, "aggregateId": "s%d" % chance.randrange(12), "timestamp": "2026-01-01T00:00:00Z",
             "data": {"by": chance.randrange(100), "who": "w%d" % chance.randrange(3), "account": "a%d" % chance.randrange(9)}}
    events.append(event)
    by, who = event["data"]["by"], event["data"]["who"]
    key = event["data"]["account"] if mode == "key" else event["aggregateId"]
    all_states = dict(states[-1])
    state = json.loads(json.dumps(all_states.get(key)))
    if kind == "made":
        state = state or {}
        state.update(n=0, log=[])
    elif kind == "added":
        state = state or {}
        state["n"] = state.get("n", 0) + by
        state.setdefault("log", []).append(by)
        state.setdefault("by", {}).setdefault(who, {"n": 0})["n"] += by
    elif kind == "taken":
        state = state or {}
        state["n"] = state.get("n", 0) - by
        if "by" in state:
            state["by"].pop(who, None)
    elif kind == "ended":
        state = None
    all_states[key] = state
    states.append(all_states)


def key_of(position):
    event = events[position - 1]
    return event["data"]["account"] if mode == "key" else event["aggregateId"]


focus = {"whole": None, "stream": "s3", "key": None}[mode]
seen = [p for p in range(1, n_events + 1) if focus is None or key_of(p) == focus]  # positions that are walked
# A fold with a key of its own counts only what it has a rule for.
counts = lambda p: mode != "key" or events[p - 1]["eventType"] != "noted"


# ---- what stops
def stops(stop, p):
    kind, what, limit = stop
    event, key = events[p - 1], key_of(p)
    if kind == "type":
        return fnmatchcase(event["eventType"], what)
    if kind == "data":
        return event["data"]["by"] > limit
    if not counts(p):
        return False
    after, before = states[p].get(key), states[p - 1].get(key)
    n = lambda state: None if state is None else state.get("n")
    if kind == "if":
        return n(after) is not None and n(after) < limit
    return n(after) != n(before)


def new_stop():
    kind = chance.choice(["type", "data", "if", "watch"])
    what, limit = chance.choice(["ad*", "made", "t?ken", "ended"]), chance.choice([90, 97, -100, 0])
    text = {"type": "break " + what, "data": "break .data.by > %d" % limit, "if": "break if n < %d" % limit, "watch": "watch n"}[kind]
    return text, (kind, what, limit)


# ---- the walk
here, active, next_id, script, wanted = 0, {}, 1, [], []


def step(index, by, bounded):
    """From place `index` among the walked events (0: before them), `by` on, no further than the first stop."""
    target = max(0, min(len(seen), index + by))
    places = range(index + 1, target + 1) if by > 0 else range(index - 1, max(target, 1) - 1, -1)
    for place in places if bounded and active else []:
        if any(stops(s, seen[place - 1]) for s in active.values()):
            return place
    return target


for _ in range(commands):
    index = len([p for p in seen if p <= here]) if focus else here
    command = chance.choices(["n", "b", "nn", "bb", "goto", "c", "rc", "break", "delete"], [20, 20, 8, 8, 8, 6, 6, 2, 2])[0]
    if command == "n":
        text, index = "next", step(index, 1, False)
    elif command == "b":
        text, index = "back", step(index, -1, False)
    elif command == "nn":
        by = chance.randrange(2, 40)
        text, index = "next %d" % by, step(index, by, True)
    elif command == "bb":
        by = chance.randrange(2, 40)
        text, index = "back %d" % by, step(index, -by, True)
    elif command == "goto":
        position = chance.randrange(n_events + 1)
        text, index = "goto %d" % position, len([p for p in seen if p <= position]) if focus else position
    elif command == "c":
        text, index = "c", step(index, len(seen), True)
    elif command == "rc":
        text, index = "rc", step(index, -len(seen), True)
    elif command == "break" and len(active) < 4:
        text, active[next_id] = new_stop()
        next_id += 1
    elif active:
        gone = chance.choice(sorted(active))
        text = "delete %d" % gone
        del active[gone]
    else:
        text = "info types"
    here = seen[index - 1] if index > 0 else 0
    script += [text, "info"]
    state = None
    if here > 0 and counts(here):
        script.append("state")
        state = states[here].get(key_of(here))
    wanted.append((text, here, here > 0 and counts(here), state))

with open("events.ndjson", "w") as f:
    f.writelines(json.dumps(e) + "\n" for e in events)
with open("t.fold", "w") as f:
    f.write(("key .data.account\n" if mode == "key" else "") + FOLD)
with open("script", "w") as f:
    f.writelines(line + "\n" for line in script)
subprocess.run(["evs", "append", "walk.evs", "events.ndjson"], check=True)
replay = ["evs", "replay", "walk.evs", "-i", "--fold", "t.fold"] + (["--key", focus] if focus else [])
out = subprocess.run(replay, stdin=open("script"), stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
found = [(line, out[i + 4] if i + 4 < len(out) else "") for i, line in enumerate(out) if line.startswith("here    ")]
if len(found) != len(wanted):
    sys.exit("%d places, not %d" % (len(found), len(wanted)))
for number, ((line, state), (text, position, has_state, value)) in enumerate(zip(found, wanted), 1):
    word = line.split()[1]
    if (0 if word == "before" else int(word)) != position:
        sys.exit("command %d, %s: %s, not at %d" % (number, text, line, position))
    if has_state and json.loads(state) != value:
        sys.exit("command %d, %s: at %d the state is %s, not %s" % (number, text, position, state, json.dumps(value)))
print("%d commands" % len(wanted))
