# SPDX-License-Identifier: MIT
"""What scripts/bench says of its figures: which goals are met, the Markdown table, the HTML page.
Charts are placed in per cent across and in pixels down, so that text in them keeps its size in a
window of any width.
"""
import fnmatch
import math
import pathlib
import re

import jinja2

TEMPLATE = pathlib.Path(__file__).resolve().parent / "bench.html.jinja"
RATIO, PEER, VALUE, LEAST = "ratio", "peer", "value", "least"
BROKEN_RATIO = 1.1  # above it the limit is none, and the benchmark is wrong

# (names, what it is, what the goal is of, goal, floor): the first row that fits. A ratio must reach
# its goal, so must the least of a value; a value must not exceed its own. What stands beside a peer,
# another way to do the same, may well beat it. A floor is where a missed goal becomes a defect.
ROWS = (
    ("fiber.4k.*.notifications", "events that both ends send, a request, at depth 32",
     VALUE, 1 / 16, None),
    ("*.notifications", "the same on threads", None, None, None),
    ("fiber.4k.*.oracles", "the same with all checkers and the trace hash, beside it without",
     PEER, 1 / 2.5, None),
    ("*.persistent.*", "data by grants that are kept, beside the same by map and one more copy",
     PEER, 0.8, None),
    ("*.copy.*", "data by grant copy, beside what moves them without", None, None, None),
    ("fiber.4k.queues*", "the same over so many queues", None, None, None),
    ("fiber.depth*", "4-KiB requests, so many in flight, beside a bare ring of 32", None, None, None),
    ("fiber.4k.*", "4-KiB requests through both drivers, beside a bare ring and copy loop",
     RATIO, 0.3, None),
    ("fiber.segs512.*", "indirect requests of so many segments, beside a bare copy loop",
     RATIO, 0.9, 0.8),
    ("fiber.segs1024.*", "indirect requests of so many segments, beside a bare copy loop",
     RATIO, 0.9, 0.8),
    ("fiber.segs4096.*", "indirect requests of so many segments, beside a bare copy loop",
     RATIO, 0.9, 0.8),
    ("fiber.segs*", "indirect requests of so many segments, beside a bare copy loop",
     None, None, None),
    ("thread.4k.spin.*", "4-KiB requests on threads that spin, beside a bare ring of two threads",
     LEAST, 1.5e6, None),
    ("thread.4k.queues*", "the same over so many queues, asleep between requests",
     None, None, None),
    ("thread.4k.*", "4-KiB requests on threads that sleep, beside a bare ring of two threads",
     LEAST, 0.7e6, None),
    ("world.cycle", "restore the connected world, one request, its verdict", VALUE, 3, None),
    ("world.connect", "a fresh connect, above what a cycle costs", VALUE, 20, None),
    ("world.page-faults", "page faults of 10,000 cycles", VALUE, 0, None),
    ("world.growth", "what 10,000 cycles, five times, leave on the heap", VALUE, 0, None),
    ("world.mallocs", "allocations of 10,000 cycles", VALUE, 0, None),
    ("store.socket", "reads over a socket, one at a time, beside a bare ping-pong",
     RATIO, 0.6, None),
    ("store.nodes.*", "writes in a directory of so many nodes, beside 1,000", None, None, None),
    ("store.churn.*", "removals and creations in a directory of so many nodes", None, None, None),
    ("store.read", "a guest's reads, beside a bare hash lookup and copy", None, None, None),
    ("store.write", "a guest's writes, beside a bare hash lookup and copy", None, None, None),
    ("*", "", None, None, None),
)
SI = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


# ---- figures ----

def number(value):
    """Three digits that count, without an exponent."""
    if value == 0 or not 1e-4 < abs(value) < 1e6:
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def quantity(value, unit):
    if unit.endswith("/s"):
        word = {"bytes/s": "B/s", "req/s": "requests/s"}.get(unit, unit)
        for factor, letter in SI:
            if value >= factor:
                return f"{number(value / factor)} {letter}{'' if word == 'B/s' else ' '}{word}"
        return f"{number(value)} {word}"
    return f"{number(value)} {'µs' if unit == 'us' else unit}"


class Figure:
    """A result beside its limit and its goal."""

    def __init__(self, result):
        self.name, self.value, self.unit = (result[key] for key in ("name", "value", "unit"))
        self.limit, self.ratio = result.get("limit"), result.get("ratio")
        row = next(row for row in ROWS if fnmatch.fnmatchcase(self.name, row[0]))
        _, self.what, self.kind, self.goal, self.floor = row
        if self.kind in (RATIO, PEER) and self.ratio is None:
            self.kind = self.goal = self.floor = None

    @property
    def state(self):
        """met, missed, below (its floor), wrong (the benchmark is) or none (no goal)."""
        if self.kind != PEER and self.ratio is not None and self.ratio > BROKEN_RATIO:
            return "wrong"
        if self.kind is None:
            return "none"
        if self.kind == VALUE:
            return "met" if self.value <= self.goal else "missed"
        if (self.value if self.kind == LEAST else self.ratio) >= self.goal:
            return "met"
        return "below" if self.floor and self.ratio < self.floor else "missed"

    @property
    def missed(self):
        return self.state in ("missed", "below")

    @property
    def text(self):
        return quantity(self.value, self.unit)

    @property
    def limit_text(self):
        return "" if self.limit is None else quantity(self.limit, self.unit)

    @property
    def ratio_text(self):
        return "" if self.ratio is None else number(self.ratio)

    @property
    def judged_text(self):
        """What the goal is of."""
        return self.ratio_text if self.kind in (RATIO, PEER) else self.text

    @property
    def goal_value(self):
        return f"{self.goal:g} µs" if self.unit == "us" else f"{self.goal:g}"

    @property
    def goal_text(self):
        """The goal, and the floor if there is one."""
        if self.kind is None:
            return ""
        if self.kind == VALUE:
            return f"at most {self.goal_value}"
        if self.kind == LEAST:
            return quantity(self.goal, self.unit)
        return f"{self.goal:.2f}" + (f", floor {self.floor:.2f}" if self.floor else "")

    @property
    def verdict(self):
        return {"met": "met", "missed": "MISSED", "below": "MISSED, below the floor", "none": "",
                "wrong": "above its limit: the benchmark is wrong"}[self.state]


def figures_of(data):
    return [Figure(result) for result in data["results"]]


def verdict(data):
    figures = figures_of(data)
    with_goal = [figure for figure in figures if figure.kind and figure.state != "wrong"]
    missed = [figure.name for figure in with_goal if figure.missed]
    wrong = [figure.name for figure in figures if figure.state == "wrong"]
    text = f"{len(with_goal) - len(missed)} of {len(with_goal)} goals met"
    text += f"; missed: {', '.join(missed)}" if missed else ""
    return text + (f"; benchmark wrong: {', '.join(wrong)}" if wrong else "")


# ---- the machine ----

def facts(data):
    """(word, text) of the run; what was not recorded is said to be so."""
    run = data.get("run", {})
    unknown = "not recorded"
    cpu = f"{run['cpu']}, {run.get('cores', '?')} cores" if run.get("cpu") else unknown
    if run.get("memory_gib"):
        cpu += f", {run['memory_gib']} GiB"
    program = ", ".join(str(part) for part in (
        run.get("wringer"), f"commit {run['commit']}" if run.get("commit") else None) if part)
    how = f"{data.get('statistic', 'one value')}, {data.get('rounds', '?')} rounds"
    if run.get("seconds"):
        how += f", {run['seconds']} s in all"
    return [("Machine", cpu), ("System", run.get("kernel") or unknown),
            ("Date", run.get("date") or unknown), ("Compiler", run.get("compiler") or unknown),
            ("Program", program or unknown), ("Each figure", how), ("Load", load(run) or unknown)]


def load(run):
    """How busy the machine was with other things; the benchmark itself keeps one core or two busy."""
    before, after, cores = (run.get(key) for key in ("load_before", "load_after", "cores"))
    if not all(isinstance(value, (int, float)) for value in (before, after, cores)) or cores < 1:
        return None
    text = f"{before} before, {after} after (1-minute average, {cores} cores)"
    if before < cores / 4:
        return f"{text}: the machine was quiet"
    return (f"{text}: the machine had other work, and times and rates are those of a busy machine. A "
            "figure and its limit took turns, so their ratio says more")


# ---- Markdown ----

def cell(text):
    return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def markdown(data):
    lines = ["# Figures", "", f"{verdict(data)}.", ""]
    if data.get("quick"):
        lines += ["**A quick run: to try things out, not for figures.**", ""]
    lines += [f"- {word}: {text}" for word, text in facts(data)]
    lines += ["", "| name | figure | limit | ratio | wanted | verdict | what |",
              "|---|---:|---:|---:|---|---|---|"]
    for figure in figures_of(data):
        row = (figure.name, figure.text, figure.limit_text, figure.ratio_text, figure.goal_text,
               figure.verdict, figure.what)
        lines.append(f"| {' | '.join(cell(text) for text in row)} |")
    return "\n".join(lines) + "\n"


# ---- charts ----

ROW, HEAD, BAR = 46, 22, 14  # pixels: a row of bars, the text above its bar, the bar


def bars(figures, share, marks, text, ticks):
    """Horizontal bars. share(figure): the length; marks(figure): [(at, class)]; ticks: of the axis."""
    end = max([ticks[-1]] + [share(figure) for figure in figures])
    across = lambda value: round(100 * max(value, 0) / end, 2)
    height = ROW * len(figures)
    return {"height": height + 22, "bottom": height, "bar": BAR,
            "ticks": [(across(tick), f"{tick:g}") for tick in ticks],
            "rows": [{"figure": figure, "text": text(figure), "base": i * ROW + HEAD - 6,
                      "top": i * ROW + HEAD, "width": across(share(figure)),
                      "marks": [(across(at), kind) for at, kind in marks(figure)]}
                     for i, figure in enumerate(figures)]}


def ratio_text(figure):
    wanted = figure.goal_text if figure.kind == LEAST else f"{figure.goal or 0:.2f}"
    goal = {"met": f"reaches {wanted}", "missed": f"misses {wanted}",
            "below": f"below floor {figure.floor or 0:.2f}", "wrong": "wrong", "none": "no goal"}
    return f"{figure.ratio:.2f}, {goal[figure.state]}"


def ratio_chart(figures):
    shown = [figure for figure in figures if figure.ratio is not None]

    def marks(figure):
        places = ((figure.goal, "goal"), (figure.floor, "floor"))
        return [place for place in places if place[0] and figure.kind in (RATIO, PEER)]

    return bars(shown, lambda f: f.ratio, marks, ratio_text,
                (0, 0.25, 0.5, 0.75, 1)) if shown else None


def world_chart(figures):
    """Times as a share of what they may be."""
    shown = [f for f in figures if f.kind == VALUE and f.goal and f.name.startswith("world.")]
    return bars(shown, lambda f: f.value / f.goal, lambda f: [(1, "goal")],
                lambda f: f"{f.text}, {'within' if f.state == 'met' else 'misses'} "
                          f"{f.goal_value}",
                (0, 0.5, 1, 1.25)) if shown else None


# A line chart: (id, title, what it shows, word under it, series of (before, behind, word, kind)). A
# point is a figure whose name has a number between the two.
LINES = (
    ("depth", "Requests in flight", "4-KiB requests a second against requests in flight, on fibers",
     "requests in flight", (("fiber.depth", ".read", "reads", "a"),
                            ("fiber.depth", ".write", "writes", "b"))),
    ("segments", "Segments of a request", "Bytes a second against the segments of a request",
     "segments", (("fiber.segs", ".read", "reads", "a"), ("fiber.segs", ".write", "writes", "b"))),
    ("store", "The store as it grows",
     "Operations a second against the nodes in one directory; a flat line is what one wants", "nodes",
     (("store.nodes.", "", "writes", "a"), ("store.churn.", "", "removals and creations", "b"))),
)
NUMBER = re.compile("[1-9][0-9]{0,11}")
PLOT_HEIGHT, PLOT_TOP, PLOT_LEFT, PLOT_RIGHT = 300, 34, 24, 88  # pixels; per cent


def points_of(figures, before, behind):
    points = []
    for figure in figures:
        middle = figure.name[len(before):len(figure.name) - len(behind)]
        if (figure.name.startswith(before) and figure.name.endswith(behind) and
                NUMBER.fullmatch(middle) and figure.value > 0):
            points.append((int(middle), figure))
    return sorted(points, key=lambda point: point[0])


def steps(low, high):
    """1, 2, 5 of each power of ten, from the one below `low` to the one above `high`: an axis of less
    than a decade would make a fall of what is none.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)
    return [m * 10.0**e for e in range(first, last) for m in (1, 2, 5)] + [10.0**last]


def scale(low, high, start, end):
    """A logarithmic axis; in its middle, if there is one value only."""
    span = math.log(high / low)
    return lambda value: round(
        start + (end - start) * (math.log(value / low) / span if span else 0.5), 2)


def line_chart(figures, ident, title, what, under, series):
    found = [points_of(figures, before, behind) for before, behind, _, _ in series]
    everything = [point for points in found for point in points]
    if not everything:
        return None
    places = sorted({n for n, _ in everything})
    values = [figure.value for _, figure in everything]
    ticks = steps(min(values), max(values))
    across = scale(places[0], places[-1], PLOT_LEFT, PLOT_RIGHT)
    down = scale(ticks[0], ticks[-1], PLOT_HEIGHT, PLOT_TOP)
    highest = {n: max(f.value for m, f in everything if m == n) for n in places}
    return {"id": ident, "title": title, "what": what, "under": under,
            "height": PLOT_HEIGHT + 48, "bottom": PLOT_HEIGHT, "top": PLOT_TOP,
            "x": [(across(n), f"{n:,}") for n in places],
            "y": [(down(tick), f"{short(tick)}{'B' if is_bytes(everything) else ''}/s")
                  for tick in ticks],
            "series": [{"word": word, "kind": kind, "points": [
                {"x": across(n), "y": down(f.value), "text": short(f.value),
                 # Beside each other's line, not on it: the higher of two is labelled above.
                 "label": down(f.value) + (-11 if f.value == highest[n] else 22)}
                for n, f in points]} for points, (_, _, word, kind) in zip(found, series)]}


def is_bytes(points):
    return points[0][1].unit == "bytes/s"


def line_charts(figures):
    return [chart for chart in (line_chart(figures, *row) for row in LINES) if chart]


def short(value):
    factor, letter = next(((f, l) for f, l in SI if value >= f), (1, ""))
    return f"{value / factor:.3g} {letter}".rstrip()


def html(data):
    env = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
                             lstrip_blocks=True)
    figures = figures_of(data)
    return env.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        figures=figures, verdict=verdict(data), missed=[f for f in figures if f.missed],
        wrong=[f for f in figures if f.state == "wrong"], facts=facts(data),
        quick=bool(data.get("quick")), ratios=ratio_chart(figures), lines=line_charts(figures),
        worlds=world_chart(figures)) + "\n"
