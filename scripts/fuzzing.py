# SPDX-License-Identifier: MIT
"""Running fuzz targets and reading what they leave: shared by scripts/campaign and
scripts/measure-fuzz. A target process counts into a file (struct wrg_fuzz_stats of fuzz/target.h),
which can be read at any time and after any kind of end.
"""
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUZZ = ROOT / "build" / "fuzz"
RELEASE = ROOT / "build" / "release"
DRIVERS = ("back", "front")
TARGETS = (*DRIVERS, "xenstore")
STATS = struct.Struct("<5Q")
# An input that takes longer has escaped the step budget of a run.
INPUT_SECONDS = 5
GRACE_SECONDS = 10
POLL_SECONDS = 0.1
INTERRUPTED = 72  # libFuzzer's exit code for SIGINT

TOKEN = re.compile(r"^DEDUP_TOKEN: (\S+?)--(\S+)$", re.MULTILINE)
ASSERTION = re.compile(r"^wringer: internal error: (.*)$", re.MULTILINE)
UBSAN = re.compile(r"^(\S+?):(\d+):\d+: runtime error: (.*)$", re.MULTILINE)
ASAN = re.compile(r"ERROR: (AddressSanitizer|LeakSanitizer)\b:? ?(.*)")
FRAME = re.compile(r"^\s*#\d+ 0x[0-9a-f]+ in (\S+) \S*?/sim/(\S+?):\d+", re.MULTILINE)


class Fault(Exception):
    """The tool or the machine cannot go on; the text is one line."""


class Stats:
    """What a target has done; zero for a file that is not there."""

    def __init__(self, path):
        try:
            data = path.read_bytes()
        except OSError:
            data = b""
        fields = STATS.unpack(data) if len(data) == STATS.size else (0,) * 5
        self.execs, self.requests, self.snapshots, self.findings, self.first_request_ns = fields


class Verdict:
    """What made a target end: a finding (rule, site) or a fault of the tool (message)."""

    def __init__(self, rule=None, site=None, message=""):
        self.rule, self.site, self.message = rule, site, message

    @property
    def token(self):
        return f"{self.rule}--{self.site}"


def frames_of(text):
    """Frames of ours in the first stack trace of a text, innermost first: (layer, function)."""
    first = text.find("    #0 ")
    trace = text[first:].split("\n\n")[0] if first >= 0 else ""
    return [(place.split("/")[0], function) for function, place in FRAME.findall(trace)]


def sanitizer_verdict(rule, message, text):
    """A report that has no driver on its stack tells of a defect of the simulator."""
    frames = frames_of(text)
    site = ".".join(frames[0]) if frames else "unknown"
    if frames and not any(layer in DRIVERS for layer, _ in frames):
        return Verdict(message=f"{rule} in {site}, no driver being involved")
    return Verdict(rule, site, message)


def classify(text, artifact=""):
    """Reads the last words of a target. An assertion of ours beats whatever else is said."""
    assertion = ASSERTION.search(text)
    if assertion:
        return Verdict(message=assertion.group(1))
    token = TOKEN.search(text)
    if token:
        return Verdict(token.group(1), token.group(2), text[:token.end()].splitlines()[-2].strip())
    undefined = UBSAN.search(text)
    if undefined:
        return sanitizer_verdict("SAN-UBSAN", undefined.group(3), text[undefined.start():])
    report = ASAN.search(text)
    if report:
        rule = "SAN-LEAK" if report.group(1) == "LeakSanitizer" else "SAN-ASAN"
        return sanitizer_verdict(rule, report.group(2), text[report.start():])
    if artifact.startswith("timeout-"):
        place = next((".".join(frame) for frame in frames_of(text)), "unknown")
        return Verdict(message=f"an input takes longer than {INPUT_SECONDS} s, in {place}")
    lines = text.strip().splitlines()
    return Verdict(message=lines[-1] if lines else "ended without a word")


def execute(*command, seconds=120, **more):
    """Exit code, stdout and stderr together, of a command in a session of its own."""
    try:
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                              check=False, start_new_session=True, **more)
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]}: not done after {seconds} s"
    except OSError as why:
        raise Fault(f"{command[0]}: {why.strerror}") from why
    return done.returncode, done.stdout.decode(errors="replace")


def build(preset, log):
    """Configures and builds; the log is kept, and its end shown when it fails."""
    for command in (["cmake", "--preset", preset],
                    ["cmake", "--build", "--preset", preset, "-j", str(os.cpu_count() or 2)]):
        code, text = execute(*command, seconds=3600, cwd=ROOT)
        with open(log, "a", encoding="utf-8") as out:
            out.write(text)
        if code:
            reason = [line for line in text.splitlines() if line.strip()] or ["no output"]
            errors = [line.strip() for line in reason if re.search(r"\berror:|Error\b", line)]
            raise Fault(f"preset {preset} does not build: {(errors or reason)[0]} (see {log})")


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Fault(f"no {tool}: run scripts/setup")


class Process:
    """One run of a target, its output copied to a log as it comes."""

    def __init__(self, command, log, environment, tail_lines=400):
        self.tail, self.tail_lines, self.features, self.units = [], tail_lines, 0, 0
        self.begun = time.monotonic()
        self.loaded = None  # when the corpus had been read
        self.log = open(log, "ab")
        try:
            self.child = subprocess.Popen(
                [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=self.log,
                stderr=subprocess.PIPE, start_new_session=True, cwd=ROOT,
                env={**os.environ, **environment})
        except OSError as why:
            raise Fault(f"{command[0]}: {why.strerror}") from why
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stderr:
            try:
                self.log.write(line)
            except OSError:
                pass  # a full disk must not stall the target
            text = line.decode(errors="replace")
            self.tail = self.tail[-self.tail_lines:] + [text]
            if "INITED" in text:
                self.loaded = time.monotonic()
            feature = re.search(r"\bft: (\d+)", text)
            if feature:
                self.features = max(self.features, int(feature.group(1)))
            unit = re.search(r"number_of_executed_units:\s*(\d+)", text)
            if unit:
                self.units = int(unit.group(1))

    def wait(self, seconds, loading, tick):
        """Until it ends, or tick() is true, or the time since its begin is over and its corpus
        has been read, for which it gets up to `loading` seconds more; then it is asked to end."""
        def is_over():
            took = time.monotonic() - self.begun
            return took >= seconds and (self.loaded or took >= seconds + loading)
        try:
            while self.child.poll() is None and not is_over() and not tick():
                time.sleep(POLL_SECONDS)
        finally:
            self.stop()

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
            try:
                self.child.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()
        self.reader.join(GRACE_SECONDS)
        self.log.close()

    @property
    def text(self):
        return "".join(self.tail)


def empty_exec_per_s(log, seconds=2):
    """The limit: executions of a target that does nothing, over wall time."""
    process = Process([FUZZ / "fuzz-empty", f"-max_total_time={seconds}", "-print_final_stats=1"],
                      log, {})
    process.wait(seconds + GRACE_SECONDS, 0, lambda: False)
    if not process.units:
        raise Fault(f"fuzz-empty gave no result (see {log})")
    return process.units / (time.monotonic() - process.begun)
