#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fuzzes wringer's targets, and says what came of it.

usage: scripts/campaign [--seconds N] [--targets back,front,xenstore] [--output DIR]

  --seconds N      fuzz for N seconds, split evenly between targets (60); measuring comes on top, and
                   what a target needs beyond its share to read its seeds
  --targets LIST   which targets, with commas between them (back,front,xenstore)
  --output DIR     where results go (reports/<date>); it must be empty, or not there

Builds what it needs, replays the corpus and what earlier campaigns found, fuzzes, and closes with
totals and a verdict. The target xenstore has no block requests: requests_per_s is 0 for it, and
first_request_s null. In the output: summary.json, findings/ (each as bytes and as text), corpus/ of
each target, logs. Ctrl-C ends it with what is known by then.
Exit: 0 clean, 1 findings, 2 usage, 3 a fault of the tool or of the machine.
"""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from fuzzing import (DRIVERS, FUZZ, GRACE_SECONDS, INPUT_SECONDS, INTERRUPTED, RELEASE, ROOT, TARGETS,
                     Fault, Process, Stats, build, classify, empty_exec_per_s, execute, need)

REPLAYS = 10
FIRST_REQUEST_SECONDS = 5
PLAIN_PROGRESS_SECONDS = 10
# A target below these fuzzes nothing: it exits early, or its coverage is broken.
FEATURES_MIN, REQUESTS_MIN = 100, 100
FLOOR_SECONDS = 2
RESTARTS_MAX = 200
# A target that is still reading its seeds has not fuzzed yet: it gets so long on top for them.
SEEDS_SECONDS = 60


class Usage(Exception):
    """A mistake of the caller; the text is one line."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Usage(message)


class Progress:
    """One line that changes, on a terminal; a line now and then elsewhere."""

    def __init__(self):
        self.tty = sys.stderr.isatty()
        self.last = 0.0

    def show(self, text):
        now = time.monotonic()
        if now - self.last < (0.2 if self.tty else PLAIN_PROGRESS_SECONDS):
            return
        self.last = now
        if self.tty:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{text[:width]}", end="", file=sys.stderr, flush=True)
        else:
            print(text, flush=True)

    def say(self, text):
        if self.tty:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        print(text, flush=True)
        self.last = time.monotonic()


def shown(path):
    """A path as one would type it."""
    path = pathlib.Path(path).resolve()
    return os.path.relpath(path) if path.is_relative_to(pathlib.Path.cwd()) else str(path)


# ---- output ----

def default_output():
    name = datetime.date.today().isoformat()
    reports = ROOT / "reports"
    path, number = reports / name, 1
    while path.exists():
        number += 1
        path = reports / f"{name}-{number}"
    return path


def make_output(path):
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise Usage(f"{path}: is not empty")
        for name in ("findings", "faults", "logs"):
            (path / name).mkdir()
    except OSError as why:
        raise Usage(f"{path}: {why.strerror}") from why
    return path.resolve()


def write_atomically(path, text):
    temporary = path.with_suffix(".tmp")
    with open(temporary, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    os.replace(temporary, path)


# ---- what is found ----

class Findings:
    """Findings and faults of the tool, each once."""

    def __init__(self, output, progress):
        self.output, self.progress = output, progress
        self.findings, self.faults, self.seen = [], [], set()

    def known(self, target):
        return " ".join(sorted(token for of, token in self.seen if of == target))

    def is_new(self, target, token):
        if (target, token) in self.seen:
            return False
        self.seen.add((target, token))
        return True

    def fault(self, target, message, case=None):
        if not self.is_new(target, f"fault {message}"):
            return
        place = ""
        if case:
            place = str(save(case, target, self.output / "faults", case.name).relative_to(
                self.output))
        self.faults.append({"target": target, "case": place, "message": message})
        self.progress.say(f"TOOL FAULT {target}: {message}" + (f"  ({place})" if place else ""))
        if place:
            self.progress.say(f"  replay: {shown(FUZZ / f'replay-{target}')} "
                              f"{shown(self.output / place)}")

    def add(self, target, verdict, bytes_path):
        """A crash file of a target; verdict says why it ended."""
        if verdict.rule is None:
            self.fault(target, verdict.message, bytes_path)
            return
        if not self.is_new(target, verdict.token):
            return
        name = f"{target}--{verdict.token}"
        text = save(bytes_path, target, self.output / "findings", name)
        replays = sum(replay(text, target, verdict) for _ in range(REPLAYS))
        self.append(target, verdict, text, replays)

    def append(self, target, verdict, case, replays):
        place = case.relative_to(self.output)
        self.findings.append({"rule": verdict.rule, "site": verdict.site, "target": target,
                              "case": str(place), "ops": count_ops(case), "replays": replays})
        self.progress.say(f"FINDING {verdict.rule} at {verdict.site}, target {target}: "
                          f"{verdict.message}  (replays {replays} of {REPLAYS})")
        self.progress.say(f"  replay: {replay_command(case, target, verdict)}")


def count_ops(case):
    return sum(1 for line in case.read_text(errors="replace").splitlines()[1:]
               if line.strip() and not line.startswith("#"))


def save(bytes_path, target, folder, name):
    """Keeps a crash as bytes and as text; returns the path of the text, or of the bytes."""
    kept = folder / f"{name}.bytes"
    shutil.copyfile(bytes_path, kept)
    code, text = execute(FUZZ / f"replay-{target}", "--text", kept)
    if code:
        return kept
    case = folder / f"{name}.wring"
    case.write_text(text)
    return case


def is_sanitizer(rule):
    return rule.startswith("SAN-")


def replay_command(case, target, verdict):
    if target == "corpus":
        return f"{shown(RELEASE / 'wringer')} check {shown(case)}"
    if is_sanitizer(verdict.rule):
        return f"{shown(FUZZ / f'replay-{target}')} {shown(case)}"
    return f"{shown(RELEASE / 'wringer')} run {shown(case)}"


def replay(case, target, verdict):
    """Whether a process of its own comes to the same verdict. Only an instrumented replayer can
    show what a sanitizer said; all else is shown by the plain program that users run."""
    if is_sanitizer(verdict.rule):
        code, text = execute(FUZZ / f"replay-{target}", case)
        return code != 0 and classify(text).token == verdict.token
    code, text = execute(RELEASE / "wringer", "run", "--json", case)
    try:
        return code == 1 and json.loads(text)["cases"][0]["verdict"] == verdict.rule
    except (ValueError, LookupError):
        return False


# ---- replaying what is known ----

def replay_corpus(findings, progress):
    folders = [ROOT / "corpus" / name for name in ("seed", "regress")]
    folders = [folder for folder in folders if any(folder.glob("**/*.wring"))]
    if not folders:
        progress.say("corpus: none")
        return
    code, text = execute(RELEASE / "wringer", "check", "--json", *folders, seconds=600)
    (findings.output / "logs" / "corpus.log").write_text(text)
    try:
        result = json.loads(text[text.index("{"):])
    except ValueError:
        findings.fault("corpus", f"wringer check ended with {code}: "
                       f"{(text.strip().splitlines() or ['no output'])[-1]}")
        return
    for file in result["files"]:
        if file["result"] not in ("pass", "passed", "skip", "skipped"):
            corpus_failure(findings, pathlib.Path(file["file"]), file["message"])
    progress.say(f"corpus: {result['passed']} passed, {result['failed']} failed, "
                 f"{result['skipped']} skipped")


def corpus_failure(findings, path, message):
    """A case without its expected verdict: the rule is what was found, or what should have been."""
    code, text = execute(RELEASE / "wringer", "run", "--json", path)
    try:
        cases = json.loads(text)["cases"]
        case = next((case for case in cases if not case["passed"]), cases[0])
        rule = case["verdict"] if case["verdict"] != "clean" else case["expected"] or "clean"
    except (ValueError, LookupError):
        findings.fault("corpus", f"{path.name}: {message}")
        return
    if code == 3:
        findings.fault("corpus", f"{path.name}: {message}")
        return
    # In a folder of this name a dead op is a failure, as it was where the case comes from.
    kept = findings.output / "findings" / "corpus" / "regress" / path.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, kept)
    verdict = classify(f"{message}\nDEDUP_TOKEN: {rule}--{path.stem}")
    findings.is_new("corpus", verdict.token)
    findings.append("corpus", verdict, kept,
                    sum(execute(RELEASE / "wringer", "check", kept)[0] == 1
                        for _ in range(REPLAYS)))


def replay_earlier(findings, progress, targets):
    """What earlier campaigns found, as they saved it; what still is there is a finding again."""
    count = fixed = 0
    for path in sorted((ROOT / "reports").glob("**/findings/*.wring")):
        target = path.name.split("--")[0]
        if target not in targets or path.is_relative_to(findings.output):
            continue
        count += 1
        code, text = execute(FUZZ / f"replay-{target}", path)
        if code == 0:
            fixed += 1
            continue
        bytes_path = path.with_suffix(".bytes")
        findings.add(target, classify(text), bytes_path if bytes_path.exists() else path)
    if count:
        progress.say(f"earlier findings: {count} replayed, {fixed} do not show any more")


# ---- fuzzing ----

class Session:
    """Fuzzes one target for a time; starts it again after each finding."""

    def __init__(self, target, findings, progress, name):
        self.target, self.findings, self.progress = target, findings, progress
        self.output = findings.output
        self.stats_path = self.output / "logs" / f"{name}.stats"
        self.reach_path = self.output / f"{name}.reach"  # `wringer reach --fuzz` reads it
        self.log = self.output / f"{name}.log"
        self.artifacts = self.output / "logs" / f"{name}-artifacts"
        self.corpus = self.output / "corpus" / name
        self.features, self.seconds = 0, 0.0
        for folder in (self.artifacts, self.corpus):
            folder.mkdir(parents=True, exist_ok=True)

    def stats(self):
        return Stats(self.stats_path)

    def start(self, left, seeds):
        command = [FUZZ / f"fuzz-{self.target}", f"-artifact_prefix={self.artifacts}/",
                   f"-dict={FUZZ / f'fuzz-{self.target}.dict'}", f"-timeout={INPUT_SECONDS}",
                   f"-max_total_time={int(left + SEEDS_SECONDS + GRACE_SECONDS)}", self.corpus,
                   *seeds]
        return Process(command, self.log, {"WRG_FUZZ_STATS": str(self.stats_path),
                                           "WRG_FUZZ_REACH": str(self.reach_path),
                                           "WRG_FUZZ_KNOWN": self.findings.known(self.target)})

    def collect(self, process):
        """What one process left behind. False: starting it again would lead nowhere."""
        self.features = max(self.features, process.features)
        files = sorted(self.artifacts.iterdir())
        for path in files:
            if not path.name.startswith("slow-unit-"):
                self.findings.add(self.target, classify(process.text, path.name), path)
            path.unlink()
        code = process.child.returncode
        if code not in (0, INTERRUPTED) and not files:
            self.findings.fault(self.target, f"ended with {code}: "
                                f"{classify(process.text).message}")
        return bool(files) or code in (0, INTERRUPTED)

    def tick(self, before, seconds, until):
        """Shows how far a process is that began when `before` seconds were over."""
        begun = time.monotonic()

        def show():
            stats, took = self.stats(), before + time.monotonic() - begun
            self.progress.show(
                f"{self.target}: {took:.0f} of {seconds:.0f} s, {stats.execs:,} executions, "
                f"{stats.execs / max(took, 0.1):,.0f}/s, {stats.requests:,} requests, "
                f"{len(self.findings.findings)} findings")
            return until(stats)
        return show

    def run(self, seconds, seeds, until=lambda stats: False):
        """Only the time in which the target runs counts: not that of saving what it found."""
        for _ in range(RESTARTS_MAX):
            if seconds - self.seconds <= 0.3 or until(self.stats()):
                break
            process = self.start(seconds - self.seconds, seeds)
            try:
                process.wait(seconds - self.seconds, SEEDS_SECONDS,
                             self.tick(self.seconds, seconds, until))
            finally:
                self.seconds += time.monotonic() - process.begun
                goes_on = self.collect(process)
            if not goes_on:
                break


def first_request(target, findings, progress):
    """Seconds to the first answered request from an empty corpus, None if there is none."""
    if target not in DRIVERS:
        return None
    session = Session(target, findings, progress, f"{target}-first")
    start_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    session.run(FIRST_REQUEST_SECONDS, [], lambda stats: stats.first_request_ns)
    for folder in (session.corpus, session.artifacts):
        shutil.rmtree(folder, ignore_errors=True)
    ns = session.stats().first_request_ns
    return round((ns - start_ns) / 1e9, 3) if ns else None


def row_of(session, empty, first):
    stats, findings = session.stats(), session.findings.findings
    seconds = max(session.seconds, 1e-9)
    return {"target": session.target, "engine": "libfuzzer", "sanitizer": "address,undefined",
            "execs": stats.execs, "exec_per_s": round(stats.execs / seconds, 1),
            "empty_exec_per_s": round(empty, 1),
            "requests_per_s": round(stats.requests / seconds, 1), "first_request_s": first,
            "features": session.features,
            "findings": sum(finding["target"] == session.target for finding in findings)}


def check_floor(session, findings):
    stats = session.stats()
    if session.seconds < FLOOR_SECONDS or findings.known(session.target):
        return
    idle = session.target in DRIVERS and stats.requests < REQUESTS_MIN
    if idle or session.features < FEATURES_MIN:
        findings.fault(session.target, f"fuzzes next to nothing: {stats.requests} requests "
                       f"answered, {session.features} features")


def fuzz(target, seconds, findings, progress, rows):
    empty = empty_exec_per_s(findings.output / "logs" / "empty.log")
    first = first_request(target, findings, progress)
    session = Session(target, findings, progress, target)
    seeds = [folder for folder in [FUZZ / "inputs" / target / "seeds"] if folder.is_dir()]
    try:
        session.run(seconds, seeds)
    finally:
        rows.append((row_of(session, empty, first), session.stats()))
    check_floor(session, findings)
    shutil.rmtree(session.artifacts, ignore_errors=True)


# ---- the end ----

def print_totals(rows):
    for row, stats in rows:
        first = row["first_request_s"]
        ratio = row["empty_exec_per_s"] / row["exec_per_s"] if row["exec_per_s"] else 0
        requests = (f"{stats.requests:,} block requests completed, "
                    f"{row['requests_per_s']:,.0f}/s, "
                    f"{'none' if first is None else f'{first:.2f} s'} to the first, "
                    f"{100 * stats.snapshots // max(stats.execs, 1)} % from the snapshot, ")
        print(f"{row['target']}: {row['execs']:,} executions, {row['exec_per_s']:,.0f}/s"
              f" (1/{ratio:.0f} of the empty target's {row['empty_exec_per_s']:,.0f}/s), "
              f"{requests if row['target'] in DRIVERS else ''}{row['features']} features")
    print(f"total: {sum(stats.execs for _, stats in rows):,} executions, "
          f"{sum(stats.requests for _, stats in rows):,} block requests completed")


def verdict_line(findings, interrupted):
    parts = ["interrupted"] if interrupted else []
    if findings.faults:
        parts.append(f"{len(findings.faults)} tool fault{'s' * (len(findings.faults) > 1)}")
    if findings.findings:
        parts.append(f"{len(findings.findings)} finding{'s' * (len(findings.findings) > 1)}")
    if not findings.faults and not findings.findings:
        parts.append("clean")
    return ", ".join(parts)


def close(findings, rows, interrupted):
    summary = {"targets": [row for row, _ in rows], "findings": findings.findings,
               "tool_faults": findings.faults}
    path = findings.output / "summary.json"
    write_atomically(path, json.dumps(summary, indent=2) + "\n")
    print_totals(rows)
    print(f"summary: {shown(path)}")
    print(f"verdict: {verdict_line(findings, interrupted)}")
    return 3 if findings.faults else 1 if findings.findings else 0


def campaign(options, findings, progress, rows):
    need("cmake", "ninja", "clang")
    for preset in ("fuzz", "release"):
        progress.say(f"building {preset}")
        build(preset, findings.output / "logs" / f"build-{preset}.log")
    replay_corpus(findings, progress)
    replay_earlier(findings, progress, options.targets)
    for target in options.targets:
        progress.say(f"fuzzing {target} for {options.seconds / len(options.targets):g} s")
        fuzz(target, options.seconds / len(options.targets), findings, progress, rows)


def parse(args):
    parser = Parser(prog="campaign", usage=__doc__.split("usage: ")[1].split("\n")[0],
                    description=__doc__, add_help=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", default="60")
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--output")
    options = parser.parse_args(args)
    try:
        options.seconds = float(options.seconds)
        if not 1 <= options.seconds < 1e7:
            raise ValueError
    except ValueError:
        raise Usage(f"--seconds {options.seconds}: expected a number from 1") from None
    options.targets = list(dict.fromkeys(options.targets.split(",")))
    for target in options.targets:
        if target not in TARGETS:
            raise Usage(f"no target '{target}': there are {', '.join(TARGETS)}")
    return options


def run(args):
    options = parse(args)
    output = make_output(pathlib.Path(options.output) if options.output else default_output())
    setup = subprocess.run([ROOT / "scripts/setup"], check=False, stdout=sys.stderr)
    progress, rows, interrupted = Progress(), [], False
    findings = Findings(output, progress)
    try:
        if setup.returncode:
            raise Fault(f"scripts/setup ended with {setup.returncode}")
        campaign(options, findings, progress, rows)
    except KeyboardInterrupt:
        interrupted = True
        progress.say("interrupted; closing with what is known")
    except Fault as why:
        findings.fault("campaign", str(why))
    return close(findings, rows, interrupted)


def main(args):
    if args in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    try:
        return run(args)
    except Usage as why:
        print(f"campaign: {why}", file=sys.stderr)
        return 2
    except (Fault, OSError) as why:
        print(f"campaign: {why}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("campaign: interrupted before anything ran", file=sys.stderr)
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
