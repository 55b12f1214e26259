#!/usr/bin/env python3
"""Totals of a tree of flow logs, by SQL: what `nsgaudit audit --format json` is held against.

    python3 benches/oracle.py testdata/incident/logs > testdata/incident/oracle.json

Reads complete NSG (version 1 and 2) and VNet (version 4) blobs with DuckDB's JSON reader and prints
totals for each direction, decision, protocol and destination port, as sorted JSON. It shares no code
with the program under test. Needs: pip install duckdb
"""

import argparse
import json
import pathlib
import sys

TUPLE_LISTS = """
CREATE TABLE flow_tuples AS
WITH
  record AS (
    SELECT unnest(CAST(json_extract(content, '$.records') AS JSON[])) AS record
    FROM read_text($files)
  ),
  kind AS (
    SELECT record,
      CASE WHEN json_extract_string(record, '$.category') = 'FlowLogFlowEvent' THEN 4
           ELSE CAST(json_extract_string(record, '$.properties.Version') AS INTEGER) END AS version,
      list_concat(json_extract_string(record, '$.properties.flows[*].flows[*].flowTuples[*]'),
                  json_extract_string(record, '$.flowRecords.flows[*].flowGroups[*].flowTuples[*]')) AS tuples
    FROM record
  )
SELECT version, string_split(unnest(tuples), ',') AS f FROM kind
"""

TOTALS = """
WITH flow AS (
  SELECT
    CAST(f[1] AS BIGINT) * (CASE version WHEN 4 THEN 1 ELSE 1000 END) AS time,
    CAST(f[5] AS INTEGER) AS port,
    CASE f[6] WHEN 'T' THEN 6 WHEN 'U' THEN 17 ELSE CAST(f[6] AS INTEGER) END AS protocol,
    CASE f[7] WHEN 'I' THEN 'inbound' ELSE 'outbound' END AS direction,
    CASE WHEN f[8] = 'D' THEN 'deny' ELSE 'allow' END AS decision,
    CASE version WHEN 1 THEN 1 WHEN 2 THEN CAST(f[9] = 'B' AS INTEGER)
                 ELSE CAST(f[8] IN ('B', 'D') AS INTEGER) END AS begun,
    coalesce(try_cast(f[10] AS BIGINT), 0) AS packets_forward,
    coalesce(try_cast(f[11] AS BIGINT), 0) AS bytes_forward,
    coalesce(try_cast(f[12] AS BIGINT), 0) AS packets_reverse,
    coalesce(try_cast(f[13] AS BIGINT), 0) AS bytes_reverse
  FROM flow_tuples
)
SELECT direction, decision, protocol, port, count(*) AS tuples, CAST(sum(begun) AS BIGINT) AS flows,
  CAST(sum(packets_forward) AS BIGINT) AS packets_forward, CAST(sum(packets_reverse) AS BIGINT) AS packets_reverse,
  CAST(sum(bytes_forward) AS BIGINT) AS bytes_forward, CAST(sum(bytes_reverse) AS BIGINT) AS bytes_reverse,
  min(time) AS first_ms, max(time) AS last_ms
FROM flow GROUP BY ALL ORDER BY direction, decision, protocol, port
"""

ADDED = ("tuples", "flows", "packets_forward", "packets_reverse", "bytes_forward", "bytes_reverse")


def totals(duckdb, files):
    """Rows by direction, decision, protocol and port."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute(TUPLE_LISTS.replace("$files", repr([str(file) for file in files])))
    answer = connection.execute(TOTALS)
    names = [column[0] for column in answer.description]
    return [dict(zip(names, row)) for row in answer.fetchall()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", type=pathlib.Path, help="folder of complete blobs (*.json)")
    arguments = parser.parse_args()
    try:
        import duckdb
    except ImportError:
        sys.exit("oracle.py: needs DuckDB: pip install duckdb")
    files = sorted(arguments.logs.rglob("*.json"))
    if not files:
        sys.exit(f"oracle.py: no *.json under {arguments.logs}")
    rows = totals(duckdb, files)
    document = {
        "files": len(files),
        "total": {name: sum(row[name] for row in rows) for name in ADDED},
        "rows": rows,
    }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
