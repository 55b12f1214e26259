"""Reads one of our outputs with a reader that is not ours, and prints what it saw as JSON.

    read.py duckdb SQL
    read.py csv FILE
    read.py pyarrow FILE
    read.py junit FILE SCHEMA...
    read.py ocsf FILE
    read.py prometheus FILE
    read.py markdown FILE
    read.py hcl FILE

Ends with 1 and a word on standard error where the reader finds a fault.
"""

import csv
import datetime
import json
import sys


def plain(value):
    """A value as JSON has it; times as RFC 3339 in UTC with milliseconds."""
    if isinstance(value, datetime.datetime):
        value = value.astimezone(datetime.timezone.utc)
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def read_duckdb(sql):
    import duckdb

    cursor = duckdb.sql(sql)
    return [[plain(value) for value in row] for row in cursor.fetchall()]


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def read_pyarrow(path):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    return {
        "schema": {field.name: str(field.type) for field in table.schema},
        "rows": [
            {name: plain(value) for name, value in row.items()} for row in table.to_pylist()
        ],
    }


def read_junit(path, *schemas):
    from lxml import etree

    document = etree.parse(path)
    for schema in schemas:
        etree.XMLSchema(etree.parse(schema)).assertValid(document)
    cases = []
    for suite in document.getroot().iter("testsuite"):
        for case in suite.iter("testcase"):
            outcome = [child for child in case if child.tag in ("failure", "skipped", "error")]
            cases.append({
                "suite": suite.get("name"),
                "name": case.get("name"),
                "class": case.get("classname"),
                "outcome": outcome[0].tag if outcome else "passed",
                "message": outcome[0].get("message") if outcome else None,
                "text": "".join(case.itertext()).strip(),
            })
    root = document.getroot()
    return {"tests": int(root.get("tests")), "failures": int(root.get("failures")), "cases": cases}


def read_ocsf(path):
    import jsonschema
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    events, validators = [], {}
    for line in open(path, encoding="utf-8"):
        event = json.loads(line)
        profiles = event["metadata"].get("profiles", [])
        key = (event["metadata"]["version"], event["class_uid"], tuple(profiles))
        if key not in validators:
            schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=key[0]))
            name = schemas.lookup_class_name_from_uid(class_uid=key[1])
            schema = schemas.get_class_schema(class_name=name, profiles=profiles)
            validators[key] = jsonschema.Draft202012Validator(schema)
        for error in validators[key].iter_errors(event):
            sys.exit(f"{error.json_path}: {error.message[:500]}")
        events.append(event)
    return events


def read_prometheus(path):
    from prometheus_client.parser import text_string_to_metric_families

    text = open(path, newline="", encoding="utf-8").read()
    return [
        {"name": sample.name, "labels": sample.labels, "value": sample.value, "type": family.type}
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def read_markdown(path):
    """Through GitHub's own renderer, without its filter of harmful tags."""
    import cmarkgfm
    from cmarkgfm.cmark import Options
    from lxml import html

    text = open(path, newline="", encoding="utf-8").read()
    extensions = ["table", "autolink", "strikethrough", "tasklist"]
    page = cmarkgfm.markdown_to_html_with_extensions(text, Options.CMARK_OPT_UNSAFE, extensions)
    tree = html.fragment_fromstring(page, create_parent="main")
    return {
        "tags": sorted({str(element.tag) for element in tree.iter()}),
        "codes": [code.text_content() for code in tree.iter("code")],
        "rows": [[cell.text_content() for cell in row] for row in tree.iter("tr")],
        "text": tree.text_content(),
    }


def hcl_value(value):
    """Strings without their quotes and escapes, as Terraform would see them."""
    if isinstance(value, dict):
        parts = value.items()
        return {
            hcl_value(name): hcl_value(part) for name, part in parts if not name.startswith("__")
        }
    if isinstance(value, list):
        return [hcl_value(part) for part in value]
    if isinstance(value, str) and value.startswith('"'):
        return json.loads(value).replace("$${", "${").replace("%%{", "%{")
    return value


def read_hcl(path):
    import hcl2

    with open(path, encoding="utf-8") as file:
        return hcl_value(hcl2.load(file))


READERS = {
    "duckdb": read_duckdb,
    "csv": read_csv,
    "pyarrow": read_pyarrow,
    "junit": read_junit,
    "ocsf": read_ocsf,
    "prometheus": read_prometheus,
    "markdown": read_markdown,
    "hcl": read_hcl,
}

if __name__ == "__main__":
    json.dump(READERS[sys.argv[1]](*sys.argv[2:]), sys.stdout)
