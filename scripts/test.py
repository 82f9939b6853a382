#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Builds and tests wringer.

usage: scripts/test [--quick | --all]

  --quick  dev and tidy only
  --all    also clang-tidy, and every refusal in the regressions

One progress line a leg; output of what failed goes to stderr. The last line is the result, alone:
`N passed, N failed, N skipped`. With CI=true `scripts/setup --dev` runs first, and a leg or test
that cannot run has failed; elsewhere it is skipped, with the reason.
Exit: 0 all passed, 1 something failed, 2 usage, 3 the machine cannot build it.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
CORPUS = ROOT / "corpus"
SEED = CORPUS / "seed"
CI = os.environ.get("CI") == "true"
JOBS = str(os.cpu_count() or 2)
LEG_SECONDS = 600
TAIL_LINES = 100


class Cannot(Exception):
    """The leg cannot run here; the text is the reason."""


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0, reason=""):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.reason = reason

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run(*command):
    """Exit code and output of a command; 124 when it takes too long."""
    try:
        done = subprocess.run([str(c) for c in command], cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=LEG_SECONDS, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        text = (late.output or b"").decode(errors="replace")
        return 124, f"{text}\n{command[0]}: not done after {LEG_SECONDS} s\n"
    return done.returncode, done.stdout.decode(errors="replace")


def complain(text):
    print("\n".join(text.splitlines()[-TAIL_LINES:]), file=sys.stderr, flush=True)


def need(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        raise Cannot(f"no {', '.join(missing)}")


def build(preset):
    """True when it is built; complains and returns False when it does not compile."""
    for command in (["cmake", "--preset", preset], ["cmake", "--build", "--preset", preset,
                                                    "-j", JOBS]):
        code, text = run(*command)
        if code:
            complain(text)
            return False
    return True


def read_junit(path):
    """What ctest itself counted, and the outputs of what failed."""
    counts, failures = Counts(), []
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        status = case.get("status")
        if status == "run":
            counts.passed += 1
        elif status in ("notrun", "disabled") and not CI:
            counts.skipped += 1
        else:
            counts.failed += 1
            failures.append(f"--- {case.get('name')}: {status}\n{case.findtext('system-out')}")
    return counts, failures


def ctest(preset, *options):
    junit = BUILD / preset / "junit.xml"
    junit.unlink(missing_ok=True)
    code, text = run("ctest", "--preset", preset, "-j", JOBS, "--output-junit", junit, *options)
    if not junit.exists():
        complain(text)
        return Counts(failed=1, reason="ctest gave no results")
    counts, failures = read_junit(junit)
    for failure in failures:
        complain(failure)
    if counts.passed + counts.failed + counts.skipped == 0:
        return Counts(failed=1, reason="no tests")
    if code and not counts.failed:
        complain(text)
        counts.failed, counts.reason = 1, f"ctest ended with {code}"
    return counts


def preset_leg(preset, compiler, *options):
    def leg():
        need("cmake", "ninja", "ctest", compiler)
        if not build(preset):
            return Counts(failed=1, reason="does not build")
        return ctest(preset, *options)
    return leg


def cases():
    return sorted(str(path.relative_to(ROOT)) for path in SEED.glob("*.wring"))


def hashes_of(preset):
    """The lines "HASH  path" of the seed cases, or None if the replayer fails."""
    emulator = ["qemu-aarch64-static"] if preset == "aarch64" else []
    code, text = run(*emulator, BUILD / preset / "wringer-replay", "--hash", *cases())
    if code or len(text.splitlines()) != len(cases()):
        complain(f"--- wringer-replay --hash ({preset}) ended with {code}\n{text}")
        return None
    return text.splitlines()


def hashes_leg():
    """The same trace hash from every compiler, architecture and way to switch fibers: one test for each that is built."""
    if not cases() or not (ROOT / "sim/cli/replay_main.c").exists():
        return Counts(skipped=1, reason="no corpus or no replayer yet")
    counts, reasons, wanted = Counts(), [], None
    if not shutil.which("aarch64-linux-gnu-gcc") or not shutil.which("qemu-aarch64-static"):
        counts.add(Counts(failed=1) if CI else Counts(skipped=1))
        reasons.append("no aarch64 compiler or emulator")
        presets = ["release", "dev", "gcc", "ucontext"]
    else:
        presets = ["release", "dev", "gcc", "ucontext", "aarch64"]
    for preset in presets:
        built = build(preset) if preset in ("ucontext", "aarch64") else (
            BUILD / preset / "wringer-replay").exists()
        lines = hashes_of(preset) if built else None
        wanted = wanted or lines
        good = lines is not None and lines == wanted
        counts.add(Counts(passed=1) if good else Counts(failed=1))
        if not good:
            reasons.append(f"{preset} differs or does not run")
        if lines and not good:
            complain("\n".join(f"{preset}: {a}   wanted: {b}"
                               for a, b in zip(lines, wanted) if a != b))
    counts.reason = "; ".join(reasons)
    return counts


def corpus_leg():
    """Every case has the verdict that it expects."""
    if not cases() or not (ROOT / "sim/cli/wringer.c").exists():
        return Counts(skipped=1, reason="no corpus or no wringer yet")
    counts = Counts()
    for preset in ("release", "dev"):
        code, text = run(BUILD / preset / "wringer", "check", CORPUS) if (
            BUILD / preset / "wringer").exists() else (3, f"{preset}: no wringer was built")
        counts.add(Counts(failed=1) if code else Counts(passed=1))
        if code:
            complain(f"--- wringer check corpus ({preset}) ended with {code}\n{text}")
    return counts


def tidy_leg(preset, *options):
    def leg():
        if not (BUILD / preset / "CTestTestfile.cmake").exists():
            raise Cannot(f"{preset} is not configured")
        return ctest(preset, "-L", "^tidy$", *options)
    return leg


def faults_leg(mode):
    """Every call that may be refused, refused; with --all in the regressions too."""
    def leg():
        counts = preset_leg("release", "clang", "-L", "^faults$")()
        if mode != "--all":
            return counts
        code, text = run(BUILD / "release/sim/world/world-fault_sweep_test", "all")
        counts.add(Counts(failed=1) if code else Counts(passed=1))
        if code:
            complain(text)
        return counts
    return leg


def legs(mode):
    not_tidy = ("-LE", "^(tidy|faults)$")
    dev = ("dev", preset_leg("dev", "clang", *not_tidy))
    if mode == "--quick":
        return [dev, ("tidy", tidy_leg("dev"))]
    return [
        dev,
        ("release", preset_leg("release", "clang", *not_tidy)),
        ("gcc", preset_leg("gcc", "gcc", *not_tidy)),
        ("tsan", preset_leg("tsan", "clang", "-L", "^(tsan|unit)$")),
        ("faults", faults_leg(mode)),
        ("ucontext", preset_leg("ucontext", "clang", "-R", r"^sched\.")),
        ("hashes", hashes_leg),
        ("corpus", corpus_leg),
        ("fuzz", preset_leg("fuzz", "clang", "-L", "^smoke$")),
        ("tidy", tidy_leg("release", *(("-C", "slow") if mode == "--all" else ()))),
    ]


def run_leg(name, leg):
    start = time.monotonic()
    try:
        counts = leg()
    except Cannot as why:
        counts = Counts(failed=1, reason=f"cannot run: {why}") if CI else Counts(
            skipped=1, reason=str(why))
    seconds = time.monotonic() - start
    note = f"  ({counts.reason})" if counts.reason else ""
    print(f"{name:8} {seconds:6.1f} s  {counts}{note}", flush=True)
    return counts


def main(args):
    if args in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if args not in ([], ["--quick"], ["--all"]):
        print("usage: scripts/test [--quick | --all]", file=sys.stderr)
        return 2
    # Outside CI a machine without root may have all it needs for some legs.
    setup = [ROOT / "scripts/setup"] + (["--dev"] if CI else [])
    code = subprocess.run(setup, check=False, stdout=sys.stderr).returncode
    if code and (CI or not shutil.which("cmake")):
        print("0 passed, 1 failed, 0 skipped")
        return 3
    total = Counts()
    for name, leg in legs(args[0] if args else ""):
        total.add(run_leg(name, leg))
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
