#!/usr/bin/env python3
"""Rules with real service tags against requirements of ise-ga-2023: nsgaudit beside the SMT solver z3.

    pip install z3-solver
    cargo build --release --example prove
    python3 benches/smt.py --rules 1000

Both times are of the process itself, once it runs: ours from the documents on (resolving tags, compiling rules,
all requirements), z3's of its checks alone, without building formulas. z3 is asked once a requirement whether some
packet is denied, and once more, not timed, whether some is allowed; where its answers are not ours, the script ends
with status 1. IPv4 and TCP only.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

import z3

PROVE = pathlib.Path(__file__).resolve().parent.parent / "target" / "release" / "examples" / "prove"
VERDICTS = {(True, False): "Allowed", (True, True): "Partly", (False, True): "Blocked"}


def within(number, ranges, bits):
    """Whether a number lies in one of some inclusive ranges."""
    if ranges == [[0, 2**bits - 1]]:
        return z3.BoolVal(True)
    one = lambda low, high: number == low if low == high else z3.And(z3.ULE(low, number), z3.ULE(number, high))
    return z3.Or([one(low, high) for low, high in ranges])


def allowed(rules, source, source_port, destination, destination_port):
    """What the first rule that matches does, as a formula; rules that cannot match TCP are left out."""
    answer = z3.BoolVal(False)
    for rule in reversed([rule for rule in rules if rule["tcp"]]):
        match = z3.And(
            within(source, rule["source"], 32),
            within(destination, rule["destination"], 32),
            within(source_port, rule["source_ports"], 16),
            within(destination_port, rule["destination_ports"], 16),
        )
        answer = z3.If(match, z3.BoolVal(rule["allow"]), answer)
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", default="1000", help="rules of each of the two groups, half of them outbound")
    args = parser.parse_args()
    out = subprocess.run([PROVE, "smt", args.rules], check=True, capture_output=True).stdout
    given = json.loads(out)
    source, destination = z3.BitVec("source", 32), z3.BitVec("destination", 32)
    source_port, destination_port = z3.BitVec("source_port", 16), z3.BitVec("destination_port", 16)
    packet = (source, source_port, destination, destination_port)
    passes = z3.And([allowed(rules, *packet) for rules in given["levels"]])
    seconds, wrong = 0.0, 0
    for number, required in enumerate(given["requirements"]):
        cube = z3.And(
            source == given["source"],
            within(destination, required["destination"], 32),
            within(destination_port, required["destination_ports"], 16),
        )

        def some(formula):
            solver = z3.Solver()
            solver.add(cube, formula)
            start = time.process_time()
            found = solver.check() == z3.sat
            return found, time.process_time() - start

        denied, spent = some(z3.Not(passes))
        seconds += spent
        verdict = VERDICTS.get((some(passes)[0], denied))
        if verdict != required["verdict"]:
            wrong += 1
            print(f"requirement {number}: z3 says {verdict}, nsgaudit {required['verdict']}", file=sys.stderr)
    rules = sum(len(rules) for rules in given["levels"])
    print(f"{rules} rules on the way, {len(given['requirements'])} requirements, z3 {z3.get_version_string()}:")
    print(f"nsgaudit {given['seconds'] * 1e3:.2f} ms, z3 {seconds:.2f} s: {seconds / given['seconds']:.0f} x")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
