#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures, and draws a page of the figures, each beside its limit.

usage: scripts/bench [--build DIR] [--quick] [--output DIR] [--from FILE]

  --build DIR   measure DIR/wringer as it is (default: build/release, brought up to date first)
  --quick       few and short rounds: to try this out, not for figures
  --output DIR  where results go (reports/bench; reports/bench-quick with --quick); what is there is
                replaced
  --from FILE   measure nothing: draw a stored results.json, or output of `wringer bench --json`

In the output: index.html, which needs no other file, table.md, and results.json, the raw results
with a word on the machine. A figure that misses its goal is no fault: the page says so.
Exit: 0 done, 2 usage or unreadable input, 3 a fault of the tool or of the machine.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from bench_page import html, markdown, verdict
from fuzzing import RELEASE, ROOT, Fault, build, execute

SECONDS_MAX = 1800
# What the figures are of: the page names the last change to these, not to itself.
MEASURED = ("sim/*.[chS]", "sim/*.def", ":!*_test.c", "include", "scripts/cmake",
            "CMakePresets.json")


class Usage(Exception):
    """A mistake of the caller; the text is one line."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Usage(message)


# ---- a stored result ----

def is_number(value):
    return type(value) in (int, float) and abs(value) < 1e300


def is_result(result):
    return (isinstance(result, dict) and isinstance(result.get("name"), str) and
            isinstance(result.get("unit"), str) and is_number(result.get("value")) and
            all(result.get(key) is None or is_number(result[key]) for key in ("limit", "ratio")))


def checked(data, where):
    """The data, if they have the form of `wringer bench --json`."""
    results = data.get("results") if isinstance(data, dict) else None
    if not isinstance(results, list) or not results:
        raise Usage(f"{where}: holds no results of `wringer bench --json`")
    for number, result in enumerate(results, 1):
        if not is_result(result):
            raise Usage(f"{where}: result {number} has not the form of `wringer bench --json`")
    if not isinstance(data.get("run", {}), dict):
        raise Usage(f"{where}: 'run' is not an object")
    return data


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        json.dumps(data, ensure_ascii=False).encode()  # half a surrogate could not be written
        return checked(data, path)
    except OSError as why:
        raise Usage(f"{path}: {why.strerror}") from why
    except (ValueError, RecursionError) as why:
        raise Usage(f"{path}: is no JSON: {' '.join(str(why).split())}") from why


# ---- the machine ----

def first_match(path, pattern):
    """The first group of a pattern in a file; None without the file or a match."""
    try:
        found = re.search(pattern, pathlib.Path(path).read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return None
    return found.group(1).strip() if found else None


def first_line(*command):
    try:
        code, text = execute(*command, cwd=ROOT)
    except Fault:
        return None
    return text.splitlines()[0].strip() if code == 0 and text.strip() else None


def compiler_of(folder):
    cache = folder / "CMakeCache.txt"
    compiler = first_match(cache, r"^CMAKE_C_COMPILER:\w+=(.*)$")
    if not compiler:
        return None
    kind = first_match(cache, r"^CMAKE_BUILD_TYPE:\w+=(.*)$") or "Debug"
    flags = first_match(cache, rf"^CMAKE_C_FLAGS_{kind.upper()}:\w+=(.*)$") or ""
    for option, flag in (("LTO", " -flto"), ("PGO", " -fprofile-use")):
        if first_match(cache, rf"^WRG_{option}:\w+=(.*)$") == "ON":
            flags += flag
    return ", ".join(filter(None, (first_line(compiler, "--version"), flags)))


def commit():
    """The last change to what is measured, and whether there are others that are in no commit. With
    its subject: a name ends where history is rewritten.
    """
    name = first_line("git", "log", "-1", "--format=%h (%s)", "--", *MEASURED)
    changed = first_line("git", "status", "--porcelain", "-uno", "--", *MEASURED)
    return f"{name}, changed since" if name and changed else name


def describe(folder):
    kib = first_match("/proc/meminfo", r"^MemTotal:\s*(\d+) kB")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$") or os.uname().machine,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(kib) / 2**20, 1) if kib else None,
        "kernel": f"{os.uname().sysname} {os.uname().release}",
        "compiler": compiler_of(folder),
        "wringer": first_line(folder / "wringer", "version"),
        "commit": commit(),
    }


# ---- measuring ----

def measure(folder, quick):
    """The raw results, and what they were measured on. Progress is the program's own."""
    run = describe(folder)
    run["load_before"] = round(os.getloadavg()[0], 1)
    command = [folder / "wringer", "bench", "--json"] + (["--quick"] if quick else [])
    start = time.monotonic()
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              timeout=SECONDS_MAX, check=False)
    except OSError as why:
        raise Fault(f"{folder}/wringer: {why.strerror}") from why
    except subprocess.TimeoutExpired as why:
        raise Fault(f"wringer bench is not done after {SECONDS_MAX} s") from why
    if done.returncode:
        raise Fault(f"wringer bench ended with {done.returncode}")
    run["load_after"] = round(os.getloadavg()[0], 1)
    run["seconds"] = round(time.monotonic() - start, 1)
    try:
        return {"run": run, **checked(json.loads(done.stdout), "wringer bench")}
    except (ValueError, Usage) as why:
        raise Fault(f"wringer bench gave no result: {why}") from why


def built(options):
    """The folder with the program to measure."""
    if options.build is not None:
        folder = pathlib.Path(options.build).resolve()
        if not os.access(folder / "wringer", os.X_OK):
            raise Usage(f"{options.build}: there is no program 'wringer' in it")
        return folder
    code = subprocess.run([ROOT / "scripts/setup"], check=False, stdout=sys.stderr).returncode
    if code:
        raise Fault(f"scripts/setup ended with {code}")
    print("building release", file=sys.stderr)
    (ROOT / "build").mkdir(exist_ok=True)
    build("release", ROOT / "build" / "bench.log")
    return RELEASE


# ---- output ----

def writable(path):
    """The folder, made if need be: a long run must not end with nowhere to put its results."""
    folder, trial = pathlib.Path(path), pathlib.Path(path) / ".trial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.write_text("")
        trial.unlink()
    except OSError as why:
        raise Usage(f"{path}: {why.strerror}") from why
    return folder


def write(folder, data):
    files = {"results.json": json.dumps(data, indent=2) + "\n", "table.md": markdown(data),
             "index.html": html(data)}
    for name, text in files.items():
        temporary = folder / f".{name}"
        try:
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, folder / name)
        except OSError as why:
            raise Fault(f"{folder / name}: {why.strerror}") from why


def parse(args):
    parser = Parser(prog="bench", add_help=False, allow_abbrev=False)
    parser.add_argument("--build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output")
    parser.add_argument("--from", dest="stored")
    options = parser.parse_args(args)
    if options.stored is not None and (options.build is not None or options.quick):
        raise Usage("--from measures nothing, so --build and --quick make no sense with it")
    if options.output is None:  # what is kept in the repository is no place for a trial
        options.output = ROOT / "reports" / ("bench-quick" if options.quick else "bench")
    return options


def main(args):
    if args in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    try:
        options = parse(args)
        data = load(options.stored) if options.stored is not None else None
        folder = writable(options.output)
        data = data or measure(built(options), options.quick)
        write(folder, data)
        print(verdict(data))
        print(f"page: {os.path.relpath(folder)}/index.html")
        return 0
    except Usage as why:
        print(f"bench: {why}", file=sys.stderr)
        return 2
    except Fault as why:
        print(f"bench: {why}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("bench: interrupted, nothing was written", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
