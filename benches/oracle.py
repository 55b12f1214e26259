#!/usr/bin/env python3
"""What is in a tree of flow logs, by DuckDB: an answer that shares no code with nsgaudit.

    pip install duckdb
    python3 benches/oracle.py testdata/incident > testdata/incident/oracle.json

Reads whole blobs (PT1H.json) of NSG version 2 and VNet version 4 with DuckDB's JSON reader and prints the
totals of each direction, decision, protocol and destination port as sorted JSON. It is strict: a blob that is no JSON,
a tuple of other than 13 fields, and a value that is none end it with an error. Repeated records are counted each time.
"""

import argparse
import json
import pathlib
import sys

# Both formats in one schema: a record has the member of its own, and null in the other.
COLUMNS = """{records: 'STRUCT(
  properties STRUCT(flows STRUCT(flows STRUCT("flowTuples" VARCHAR[])[])[]),
  "flowRecords" STRUCT(flows STRUCT("flowGroups" STRUCT("flowTuples" VARCHAR[])[])[]))[]'}"""

QUERY = f"""
WITH record AS (
  SELECT unnest(records) r
  FROM read_json(?, columns = {COLUMNS}, format = 'auto', maximum_object_size = 268435456)
), tuple_list AS (
  SELECT unnest(x.flows).flowTuples tuples FROM (SELECT unnest(r.properties.flows) x FROM record)
  UNION ALL
  SELECT unnest(x.flowGroups).flowTuples FROM (SELECT unnest(r.flowRecords.flows) x FROM record)
), field AS (
  SELECT string_split(t, ',') f, f[6] IN ('T', 'U') nsg FROM (SELECT unnest(tuples) t FROM tuple_list)
), flow AS (
  SELECT
    CASE f[7] WHEN 'I' THEN 'inbound' WHEN 'O' THEN 'outbound' ELSE error('direction ' || f[7]) END direction,
    CASE WHEN f[8] = 'D' THEN 'deny' WHEN f[8] IN ('A', 'B', 'C', 'E') THEN 'allow'
      ELSE error('decision or state ' || f[8]) END decision,
    CASE f[6] WHEN 'T' THEN 6 WHEN 'U' THEN 17 ELSE f[6]::UTINYINT END protocol,
    f[5]::USMALLINT port,
    CASE WHEN len(f) <> 13 THEN error('a tuple of ' || len(f) || ' fields')
      WHEN nsg THEN f[9] = 'B' ELSE f[8] IN ('B', 'D') END begun,
    f[1]::BIGINT * if(nsg, 1000, 1) ms,
    coalesce(nullif(f[10], '')::BIGINT, 0) packets_sent,
    coalesce(nullif(f[11], '')::BIGINT, 0) bytes_sent,
    coalesce(nullif(f[12], '')::BIGINT, 0) packets_received,
    coalesce(nullif(f[13], '')::BIGINT, 0) bytes_received
  FROM field
)
SELECT direction, decision, protocol, port,
  count(*) tuples, count(*) FILTER (begun) flows,
  sum(packets_sent)::BIGINT packets_forward, sum(bytes_sent)::BIGINT bytes_forward,
  sum(packets_received)::BIGINT packets_reverse, sum(bytes_received)::BIGINT bytes_reverse,
  min(ms) first_ms, max(ms) last_ms
FROM flow GROUP BY direction, decision, protocol, port ORDER BY direction, decision, protocol, port
"""


def groups(files):
    """The groups of these blobs, sorted by what they are of."""
    import duckdb

    # One thread: the reader sets aside twice the largest object for each.
    answer = duckdb.connect(config={"threads": 1}).execute(QUERY, [[str(file) for file in files]])
    names = [column[0] for column in answer.description]
    return [dict(zip(names, row)) for row in answer.fetchall()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="+", type=pathlib.Path, help="folders of blobs named PT1H.json, or blobs of any name")
    args = parser.parse_args()
    try:
        import duckdb
    except ImportError:
        sys.exit("duckdb is missing: pip install duckdb")
    files = sorted(file for path in args.path for file in ([path] if path.is_file() else path.rglob("PT1H.json")))
    if not files:
        sys.exit("no PT1H.json found")
    try:
        answer = groups(files)
    except duckdb.Error as error:
        sys.exit(f"not read: {error}")
    # A line each, so that a change of the data is read in a diff.
    print('{"groups": [\n' + ",\n".join(json.dumps(group) for group in answer) + "\n]}")


if __name__ == "__main__":
    main()
