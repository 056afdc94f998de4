"""Read Prometheus' text format from standard input, strictly, and print its samples as lines of JSON.

What promtool, or a scrape, or the textfile collector would refuse or warn of ends it with status 1 and a message.
"""
import json
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
NUMBER = r"[+-]?(?:Inf|NaN|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?\}})? ({NUMBER})")
ESCAPES = {r"\n": "\n", r"\"": '"', r"\\": "\\"}


def fail(number, line, why):
    sys.exit(f"line {number}: {why}: {line}")


def check_name(family, kind):
    if kind == "counter" and not family.endswith("_total"):
        return "a counter ends in _total"
    if kind != "counter" and family.endswith("_total"):
        return "what is no counter does not end in _total"
    if kind != "histogram" and family.endswith(("_bucket", "_count", "_sum")):
        return "a suffix of histograms"
    if re.search(r"_(ms|us|ns|milliseconds|microseconds|minutes|hours|days|kib|mib|kilobytes)(_|$)", family):
        return "no base unit"
    return None


def check_histogram(family, samples):
    series = {}
    for name, labels, value in samples:
        rest = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        part = series.setdefault(rest, {"buckets": []})
        if name == family + "_bucket":
            part["buckets"].append((float(labels["le"].replace("Inf", "inf")), value))
        else:
            part[name[len(family):]] = value
    for rest, part in series.items():
        buckets = part["buckets"]
        bounds, counts = [b[0] for b in buckets], [b[1] for b in buckets]
        if bounds != sorted(set(bounds)) or bounds[-1] != float("inf"):
            return f"bounds do not rise to +Inf {rest}"
        if counts != sorted(counts):
            return f"buckets do not add up {rest}"
        if part.get("_count") != counts[-1] or "_sum" not in part:
            return f"_count is not the last bucket, or there is no _sum {rest}"
    return None


def main():
    text = sys.stdin.buffer.read().decode("utf-8")
    if text and not text.endswith("\n"):
        sys.exit("the last line does not end")
    families, current, kind, seen, samples = set(), None, None, set(), {}
    for number, line in enumerate(text.split("\n")[:-1], 1):
        if line.startswith("# HELP "):
            match = re.fullmatch(rf"# HELP ({NAME}) (?:[^\\]|\\\\|\\n)+", line) or fail(number, line, "no HELP")
            current, kind = match[1], None
            if current in families:
                fail(number, line, "a family in two blocks")
            families.add(current)
        elif line.startswith("#"):
            match = re.fullmatch(rf"# TYPE ({NAME}) (gauge|counter|histogram)", line) or fail(number, line, "no TYPE")
            if match[1] != current or kind is not None:
                fail(number, line, "TYPE belongs behind its HELP")
            kind = match[2]
            if check_name(current, kind):
                fail(number, line, check_name(current, kind))
        else:
            match = SAMPLE.fullmatch(line) or fail(number, line, "no sample")
            name, value = match[1], float(match[match.lastindex].replace("Inf", "inf"))
            suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            if kind is None or name not in [current + s for s in suffixes]:
                fail(number, line, "a sample outside its family")
            pairs = re.findall(LABEL, match[2] or "")
            labels = {k: re.sub(r"\\.", lambda m: ESCAPES[m[0]], v) for k, v in pairs}
            if len(labels) != len(pairs):
                fail(number, line, "a label twice")
            series = (name, tuple(sorted(labels.items())))
            if series in seen:
                fail(number, line, "a series twice")
            seen.add(series)
            if kind == "counter" and value < 0:
                fail(number, line, "a counter below 0")
            samples.setdefault((current, kind), []).append((name, labels, value))
    for (family, kind), list_ in samples.items():
        why = kind == "histogram" and check_histogram(family, list_)
        if why:
            sys.exit(f"{family}: {why}")
        for name, labels, value in list_:
            print(json.dumps({"name": name, "kind": kind, "labels": labels, "value": value}))
    if len(samples) != len(families):
        sys.exit("a family without samples")


main()
