#!/usr/bin/env python3
"""The whole audit beside the bare group-by of ClickHouse and DuckDB, in one run, on one core.

    pip install chdb duckdb
    cargo build --release --bin nsgaudit --example generate
    python3 benches/compare.py --size 1GiB

Makes the data (NSG version 2 and VNet version 4), reads it with each program in turn so that a slow
moment of the machine hits all, and prints the medians as a Markdown table. Each program must find the
generator's own totals of tuples, flows begun and bytes; a difference ends the run with status 1.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "target" / "release"

# The array of tuples, the protocol, the decision, what begins a flow, the digits of a time.
FORMATS = {
    "nsg2": {"proto": "if(f[6] = 'T', '6', '17')", "decision": "f[8]", "begins": "f[9] = 'B'", "comma": 11},
    "vnet4": {"proto": "f[6]", "decision": "if(f[8] = 'D', 'D', 'A')", "begins": "f[8] IN ('B', 'D')", "comma": 14},
}

CLICKHOUSE = """
SELECT sum(n), sum(b), sum(x), sum(y) FROM (
  SELECT trimRight(f[2], '0123456789abcdef') s, trimRight(f[3], '0123456789abcdef') d, {proto} p, f[5] dp,
    f[7] dir, {decision} a, count() n, countIf({begins}) b, sum(toUInt64OrZero(f[10])), sum(toUInt64OrZero(f[11])) x,
    sum(toUInt64OrZero(f[12])), sum(toUInt64OrZero(f[13])) y, min(toUInt64(f[1])), max(toUInt64(f[1]))
  FROM (SELECT splitByChar(',', t) f FROM (SELECT arrayJoin(splitByChar('"', raw)) t
    FROM file('{folder}/**/PT1H.json', RawBLOB, 'raw String')) WHERE substring(t, {comma}, 1) = ',' AND length(t) > 30)
  GROUP BY s, d, p, dp, dir, a)
SETTINGS use_hive_partitioning=0, max_threads=1, max_parsing_threads=1, max_block_size=64
"""

DUCKDB = """
SELECT sum(n)::BIGINT, sum(b)::BIGINT, sum(x)::BIGINT, sum(y)::BIGINT FROM (
  SELECT rtrim(f[2], '0123456789abcdef') s, rtrim(f[3], '0123456789abcdef') d, {proto} p, f[5] dp, f[7] dir,
    {decision} a, count(*) n, count(*) FILTER ({begins}) b, sum(coalesce(try_cast(f[10] AS BIGINT), 0))::BIGINT,
    sum(coalesce(try_cast(f[11] AS BIGINT), 0))::BIGINT x, sum(coalesce(try_cast(f[12] AS BIGINT), 0))::BIGINT,
    sum(coalesce(try_cast(f[13] AS BIGINT), 0))::BIGINT y, min(f[1]::BIGINT), max(f[1]::BIGINT)
  FROM (SELECT string_split(t, ',') f FROM (SELECT t FROM (SELECT unnest(string_split(content, '"')) t
    FROM read_text('{folder}/**/PT1H.json')) WHERE t[{comma}] = ',' AND length(t) > 30))
  GROUP BY s, d, p, dp, dir, a)
"""


def peer(engine, fmt, folder):
    """Run one peer's query in this process and print its totals."""
    fields = dict(FORMATS[fmt], folder=folder)
    if engine == "clickhouse":
        import chdb

        row = json.loads(str(chdb.query(CLICKHOUSE.format(**fields), "JSONCompactEachRow")).splitlines()[0])
    else:
        import duckdb

        link = duckdb.connect(config={"threads": 1, "preserve_insertion_order": "false"})
        row = link.execute(DUCKDB.format(**fields)).fetchone()
    print(json.dumps([int(value) for value in row]))


def measured(command, cpu):
    """Run a command on one CPU: seconds, CPU seconds, peak MiB, standard output."""
    out = tempfile.TemporaryFile()
    start = time.monotonic()
    process = subprocess.Popen(["taskset", "-c", str(cpu), *map(str, command)], stdout=out, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        sys.exit(f"{command[0]} ended with {code}: {process.stderr.read().decode()[-2000:]}")
    out.seek(0)
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read().decode()


def print_totals(report):
    groups = json.loads(pathlib.Path(report).read_text())["groups"]
    total = lambda key: sum(group[key] for group in groups)
    print(json.dumps([total("tuples"), total("flows"), total("bytes_forward"), total("bytes_reverse")]))


def audit_totals(report):
    """A report's totals, read by another process: Linux counts a parent's memory as part of its children's peak."""
    out = subprocess.run([sys.executable, __file__, "--totals", report], check=True, capture_output=True).stdout
    return json.loads(out)


def generate(fmt, args, work):
    folder, truth, config = work / fmt, work / f"{fmt}.json", work / "nsgaudit.toml"
    if not truth.exists():
        subprocess.run([BIN / "examples" / "generate", "--out", folder, "--format", fmt, "--size", args.size, "--seed",
                        str(args.seed), "--truth", truth, "--environment", config], check=True, stderr=subprocess.DEVNULL)
    totals = json.loads(truth.read_text())
    size = sum(path.stat().st_size for path in folder.rglob("PT1H.json"))
    return folder, config, [totals["tuples"], totals["flows"], *totals["bytes"]], size


def compare(fmt, args, work):
    folder, config, truth, size = generate(fmt, args, work)
    report = work / "report.json"
    audit = [BIN / "nsgaudit", "audit", folder, "--config", config, "--threads", "1", "--quiet", "--format", "json", "-o", report]
    self = [sys.executable, __file__, "--peer"]
    programs = {
        "nsgaudit audit": audit,
        "nsgaudit audit, portable code": [*audit, "--scalar"],
        "ClickHouse group-by": [*self, "clickhouse", "--format", fmt, "--folder", folder],
        "DuckDB group-by": [*self, "duckdb", "--format", fmt, "--folder", folder],
    }
    runs = {name: [] for name in programs}
    for _ in range(args.runs + 1):
        for name, command in programs.items():
            wall, cpu, peak, out = measured(command, args.cpu)
            found = audit_totals(report) if name.startswith("nsgaudit") else json.loads(out)
            if found != truth:
                sys.exit(f"{name}, {fmt}: expected {truth}, found {found}")
            runs[name].append((wall, cpu, peak))
    median = {name: [statistics.median(column) for column in zip(*rows[1:])] for name, rows in runs.items()}
    print(f"\n{fmt}: {size:,} bytes, {truth[0]:,} tuples, median of {args.runs} runs after a warm-up\n")
    print("| program | wall s | CPU s | peak MiB | MB/s | M tuples/s | x ClickHouse | x DuckDB |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (wall, cpu, peak) in median.items():
        ratios = [median[other][0] / wall for other in ("ClickHouse group-by", "DuckDB group-by")]
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {size / wall / 1e6:.0f} | {truth[0] / wall / 1e6:.1f} "
              f"| {ratios[0]:.1f} | {ratios[1]:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1GiB")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cpu", type=int, default=1)
    parser.add_argument("--work", help="folder for the data, kept; by default a temporary one")
    parser.add_argument("--peer", choices=["clickhouse", "duckdb"], help=argparse.SUPPRESS)
    parser.add_argument("--format", choices=list(FORMATS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--totals", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.totals:
        return print_totals(args.totals)
    if args.peer:
        return peer(args.peer, args.format, args.folder)
    for name in ("chdb", "duckdb"):
        if subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True).returncode:
            sys.exit(f"{name} is missing: pip install chdb duckdb")
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(args.work or temporary)
        work.mkdir(parents=True, exist_ok=True)
        for fmt in FORMATS:
            compare(fmt, args, work)


if __name__ == "__main__":
    main()
