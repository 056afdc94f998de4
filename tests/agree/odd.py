"""Random events with all that is odd about events, and JSON with numbers as they are written and keys that come twice."""
import json, random

rnd = random.Random()


class Number(str):
    """The digits."""


class Object(list):
    """Pairs of a name and a value."""


def write(value, loose=False):
    """The canonical text of a value, or another text of the same value."""
    space = rnd.choice(["", "", " ", "\t "]) if loose else ""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, Object):
        return "{" + ("," + space).join(write(k, loose) + space + ":" + write(v, loose) for k, v in value) + space + "}"
    if isinstance(value, list):
        return "[" + space + ("," + space).join(write(v, loose) for v in value) + "]"
    return json.dumps(value, ensure_ascii=loose and rnd.random() < 0.5)


UUID = "0189b6f2-5b1e-7c3d-9a4f-%012x"
NOISE = "".join(random.Random(1).choices("0123456789abcdefghijklmnopqrstuvwxyzü\n\"", k=200000))
ODD = ["", "42", "0042", "-1", "1e3", "null", "a b", "ä", "日本", "a\u0000b", "a\u0000", "\u0001\u001f\u007f\\\"", "x" * 254, "x" * 255,
       "é" * 127, "*", "a/b", UUID % 1, (UUID % 1).upper(), (UUID % 1)[:-1], (UUID % 1)[:-1] + "g", (UUID % 1).replace("-", "_"),
       UUID % 0xabcdef, (UUID % 0xabcdef).upper(), "\U0001f600", "Order", "order.placed"]
TYPES = ["order.placed", "order.paid", "order", "order.", "orders", "Order.placed", "customer.moved", "a*b", "a[b]c", "a\\b", "ä.ö"]
NUMBERS = ["0", "-0", "1", "7", "-7", "29.90", "1.0", "1E2", "1e-30", "18446744073709551616",
           "-9223372036854775808", "0.1", "123456789012345678901234567890.5"]
BAD = [b"x", b"[]", b"{}", b'{"eventType":""}', b'{"eventType":null}', b'{"eventType":"a","tags":"x"}', b'{"eventType":"a","tags":[1]}',
       b'{"eventType":"a","eventId":"%s"}' % (b"x" * 256), b'{"eventType":"a","timestamp":"2026-02-30T00:00:00Z"}',
       b'{"eventType":"a","eventType":"a"}', b'{"eventType":"a","version":1.5}', b'{"eventType":"a","data":"\xff"}',
       b'{"eventType":"a","data":"\\ud800"}', b'{"eventType":"a","metadata":[]}', b'{"eventType":"a","data":01}', b'{"eventType":"a"} x']


def some(pool, odd=0.5):
    return rnd.choice(ODD) if rnd.random() < odd else rnd.choice(pool)


def a_value(depth=0):
    kind = rnd.randrange(9 if depth < 3 else 6)
    if kind < 3:
        return rnd.choice([None, True, False])
    if kind == 3:
        return Number(rnd.choice(NUMBERS))
    if kind < 6:
        return rnd.choice(ODD)
    if kind == 6:
        return [a_value(depth + 1) for _ in range(rnd.randrange(4))]
    return Object([(rnd.choice(ODD + ["k", "k", "data"]), a_value(depth + 1)) for _ in range(rnd.randrange(5))])


def a_timestamp():
    year = rnd.choice([1678, 1899, 1969, 1970, 2026, 2026, 2026, 2026, 2261])
    second = "%02d" % rnd.choice([0, 0, 1, 59, 60])
    fraction = rnd.choice(["", ".", ".", "."])
    fraction += "".join(rnd.choices("0059", k=rnd.randrange(1, 10))) if fraction else ""
    date = "%d-%02d-%02d" % (year, rnd.choice([1, 2, 12]), rnd.choice([1, 15, 28]))
    offset = rnd.choice(["Z", "Z", "z", "", "+00:00", "+02:00", "-11:30", "+23:59"])
    return "%s%s%02d:%02d:%s%s%s" % (date, rnd.choice("TTTt "), rnd.choice([0, 23]), rnd.choice([0, 30, 59]), second, fraction, offset)


class World:
    """What the events of one store are made of."""

    def __init__(self, size):
        self.many_names = rnd.random() < 0.3
        self.bulk = rnd.choice([0, 300, 12000, 12000, 100000])  # bytes of data at most, to fill segments with few or many
        self.size = min(size, 2**27 // (self.bulk + 1))
        names = ["s%d" % n for n in range(rnd.choice([3, 300, 30000]))]
        self.streams = [(some(["Order", "Customer"], 0.2) if rnd.random() < 0.8 else None, some(names))
                        for _ in range(rnd.choice([2, 50, 2000]))]
        self.types = TYPES + [o for o in ODD if o] if rnd.random() < 0.7 else TYPES[:3]
        self.times = [a_timestamp() for _ in range(rnd.choice([1, 20, 1000]))]
        self.next_id = 0

    def event_id(self):
        self.next_id += 1
        n = self.next_id
        form = rnd.choice(["e%d", "%d", "ä %d", "\u0000%d", UUID, UUID.replace("-", "+"), UUID.replace("12x", "11x")])
        return form % n if rnd.random() < 0.8 else rnd.choice([(UUID % n).upper(), ("%d" % n).rjust(255, "y"), (UUID % n) + " "])

    def event(self):
        """Fields in the order in which they come."""
        fields = [("eventType", "t.%d" % rnd.randrange(20000) if self.many_names and rnd.random() < 0.5 else rnd.choice(self.types))]
        chance = rnd.random
        if chance() < 0.8:
            fields.append(("eventId", self.event_id()))
        if chance() < 0.8:
            fields.append(("timestamp", rnd.choice(self.times)))
        if chance() < 0.8:
            kind, name = rnd.choice(self.streams)
            fields += [("aggregateId", name)] + ([("aggregateType", kind)] if kind is not None else [])
        elif chance() < 0.3:
            fields.append(("aggregateType", rnd.choice(["", "Order", UUID % 1])))
        same = some(["c1", "c2"])
        for field in "correlationId", "causationId", "source":
            if chance() < 0.4:
                fields.append((field, same if chance() < 0.5 else some(["c1", "c2"])))
        if chance() < 0.6:
            tags = [some(["a", "b", "c"], 0.3) for _ in range(rnd.choice([0, 1, 1, 2, 3, 20]))]
            fields.append(("tags", tags + tags[:1] if chance() < 0.3 else tags))
        if chance() < 0.3:
            fields.append(("version", Number(rnd.choice(["1", "2", "-1", "123456789012345678901234567890"]))))
        if chance() < 0.5:
            fields.append(("n", Number(rnd.choice(NUMBERS))))
        if chance() < 0.3:
            fields += [(some(["x"], 0.8), a_value()), ("position", Number("7"))][:rnd.choice([1, 1, 2])]
        if chance() < 0.2:
            fields.append(("metadata", Object([("user", a_value())])))
        if self.many_names and chance() < 0.5:
            fields.append(("data", Object([("k%d" % rnd.randrange(30000), None) for _ in range(5)])))
        elif chance() < 0.4:
            fields.append(("data", a_value()))
        elif self.bulk:
            at = rnd.randrange(len(NOISE) - self.bulk)
            fields.append(("data", NOISE[at:at + rnd.choice([self.bulk, rnd.randrange(self.bulk)])]))
        if chance() < 0.3:
            rnd.shuffle(fields)
        return fields
