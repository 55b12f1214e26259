#!/usr/bin/env python3
"""The audit of packet captures beside tools that make flows of them, in one run, on one core.

    apt-get install softflowd nfdump
    cargo build --release --bin nsgaudit --example generate_capture
    python3 benches/captures.py

Makes two captures (1 GiB of packets of 600 bytes, and 512 MiB of packets of 90 bytes in a million
conversations), reads them with each program in turn so that a slow moment of the machine hits all, and prints
the medians as a Markdown table. A program that says how many packets it read must have read those of the truth;
a difference ends the run with status 1. With --all also argus (argus-server) and tshark, which take minutes.

Each reads what it can: only nsgaudit and tshark look into VXLAN, and softflowd not behind VLAN tags either.
"""

import argparse
import csv
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "target" / "release"

CAPTURES = {
    "big": {"size": "1GiB", "flows": 100_000, "mean": 600, "seed": 1},
    "small": {"size": "512MiB", "flows": 1_000_000, "mean": 90, "seed": 2},
}


def measured(command, cpu):
    """Run a command, on one CPU if one is given: seconds, CPU seconds, peak MiB, what it said, exit status."""
    out = tempfile.TemporaryFile()
    pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
    start = time.monotonic()
    process = subprocess.Popen([*pinned, *map(str, command)], stdout=out, stderr=subprocess.STDOUT)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    # The conversations that tshark lists are long; what counts is at the end.
    out.seek(max(0, out.seek(0, os.SEEK_END) - (1 << 16)))
    said = out.read().decode(errors="replace")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said, os.waitstatus_to_exitcode(status)


def print_packets(report):
    captures = json.loads(pathlib.Path(report).read_text())["input"].get("captures")
    print(json.dumps(captures and captures["packets"]["read"]))


def report_packets(report):
    """The packets that a report says were read, by another process: Linux counts a parent's memory as part of its
    children's peak. None where it knows no captures."""
    if not report.exists():
        return None
    out = subprocess.run([sys.executable, __file__, "--packets", report], check=True, capture_output=True).stdout
    return json.loads(out)


def said_packets(name, said):
    """The packets that a peer says it read; None where it does not say."""
    patterns = {
        "softflowd": [r"Packets processed: (\d+)", r"Ignored packets: (\d+)"],
        "nfpcapd": [r"Total: Processed: (\d+)"],
    }.get(name)
    if patterns is None:
        return None
    found = [re.search(pattern, said) for pattern in patterns]
    return sum(int(match[1]) for match in found) if all(found) else 0


def generate(name, args, work):
    """The capture, its environment, and how many packets the truth counts."""
    capture, truth, config = work / f"{name}.pcap", work / f"{name}.csv", work / "nsgaudit.toml"
    if not truth.exists():
        options = dict(CAPTURES[name], out=capture, truth=truth, environment=config)
        if args.size:
            options["flows"] = options["flows"] * args.size // (1024 if name == "big" else 512)
            options["size"] = f"{args.size}MiB"
        words = [str(word) for option, value in options.items() for word in (f"--{option}", value)]
        subprocess.run([BIN / "examples" / "generate_capture", *words], check=True, stderr=subprocess.DEVNULL)
    with open(truth, newline="") as rows:
        packets = sum(int(row["orig_packets"]) + int(row["resp_packets"]) for row in csv.DictReader(rows))
    return capture, config, packets


def commands(capture, config, work, every):
    """The programs: how each is called, and whether on one CPU."""
    report, flows = work / "report.json", work / "nfcapd"
    flows.mkdir(exist_ok=True)
    audit = [BIN / "nsgaudit", "audit", capture, "--config", config, "--quiet", "--format", "json", "-o", report]
    programs = {
        "nsgaudit audit": ([*audit, "--threads", "1"], True),
        "nsgaudit audit, 2 threads": ([*audit, "--threads", "2"], False),
        # In the foreground, IPv6 too, all flows at once, no control socket: it counts and lists nothing.
        "softflowd": (["softflowd", "-d", "-6", "-m", "4000000", "-c", "none", "-p", work / "softflowd.pid", "-r", capture],
                      True),
        "nfpcapd": (["nfpcapd", "-r", capture, "-w", flows], True),
    }
    if every:
        programs["argus"] = (["argus", "-r", capture, "-w", work / "argus.out"], True)
        programs["tshark conv,tcp"] = (["tshark", "-r", capture, "-q", "-z", "conv,tcp"], True)
    return programs, report


def compare(name, args, work):
    capture, config, packets = generate(name, args, work)
    programs, report = commands(capture, config, work, args.all)
    runs = {program: [] for program in programs}
    for _ in range(args.runs + 1):
        for program in list(runs):
            command, pinned = programs[program]
            report.unlink(missing_ok=True)
            # argus appends to what is there.
            (work / "argus.out").unlink(missing_ok=True)
            wall, cpu, peak, said, status = measured(command, args.cpu if pinned else None)
            audit = program.startswith("nsgaudit")
            found = report_packets(report) if audit else said_packets(program, said)
            if audit and found is None:
                print(f"{program} does not read captures: left out", file=sys.stderr)
                del runs[program]
                continue
            if status not in ((0, 1) if audit else (0,)):
                sys.exit(f"{program}, {name}: ended with {status}: {said[-2000:]}")
            if found is not None and found != packets:
                sys.exit(f"{program}, {name}: expected {packets} packets, found {found}")
            runs[program].append((wall, cpu, peak))
    median = {program: [statistics.median(column) for column in zip(*rows[1:])] for program, rows in runs.items()}
    size = capture.stat().st_size
    print(f"\n{capture.name}: {size:,} bytes, {packets:,} packets, median of {args.runs} runs after a warm-up\n")
    print("| program | wall s | CPU s | peak MiB | MB/s | M packets/s | x softflowd | by CPU |")
    print("|---|---|---|---|---|---|---|---|")
    for program, (wall, cpu, peak) in median.items():
        ratio, busy = median["softflowd"][0] / wall, median["softflowd"][1] / max(cpu, 0.001)
        print(f"| {program} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {size / wall / 1e6:.0f} | {packets / wall / 1e6:.2f} "
              f"| {ratio:.1f} | {busy:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, metavar="MIB", help="of each capture, with as many fewer conversations")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cpu", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="also argus and tshark")
    parser.add_argument("--work", help="folder for the data, kept; by default a temporary one")
    parser.add_argument("--packets", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.packets:
        return print_packets(args.packets)
    needed = {"softflowd": "softflowd", "nfpcapd": "nfdump"}
    if args.all:
        needed |= {"argus": "argus-server", "tshark": "tshark"}
    for program, package in needed.items():
        if not shutil.which(program):
            sys.exit(f"{program} is missing: apt-get install {package}")
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(args.work or temporary).resolve()
        work.mkdir(parents=True, exist_ok=True)
        for name in CAPTURES:
            compare(name, args, work)


if __name__ == "__main__":
    main()
