#!/usr/bin/env python3
"""Writes the small logs of testdata/stories: one known cause each, VNet flow logs version 4.

    python3 benches/stories.py testdata/stories

The network is that of testdata/incident/nsgaudit.toml. Deterministic: no randomness, no clock.
"""

import json
import pathlib
import sys

START = 1_767_621_600_000  # 2026-01-05T14:00:00Z
MINUTE = 60_000
SUBNETS = {"compute": "10.20.0.4", "ase": "10.20.0.36", "apim": "10.20.0.68", "redis": "10.20.0.100"}
RESOURCES = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-integration/providers/Microsoft.Network"
STORAGE, SQL, HUB = "52.239.140.24", "68.219.168.8", "20.86.89.1"
ASM, CONNECTORS, APIM = "104.211.81.65", "13.69.71.195", "102.133.28.1"
PROBE, DNS = "168.63.129.16", "192.168.0.10"


class Log:
    """Flows of four interfaces over an hour."""

    def __init__(self):
        self.flows = {}
        self.port = 40_000

    def add(self, time, subnet, remote, port, rule, *, inbound=False, udp=False, deny=False, back=900):
        """One flow that began and ended in a minute; denied, or without an answer where `back` is 0."""
        self.port += 1
        own = SUBNETS[subnet]
        ends = (remote, own) if inbound else (own, remote)
        head = f"{START + time},{ends[0]},{ends[1]},{self.port},{port},{17 if udp else 6},{'I' if inbound else 'O'}"
        rows = self.flows.setdefault(subnet, {}).setdefault(rule, [])
        if deny:
            rows.append((time, f"{head},D,NX,0,0,0,0"))
            return
        rows.append((time, f"{head},B,NX,0,0,0,0"))
        later = head.replace(str(START + time), str(START + time + 2_000), 1)
        rows.append((time + 2_000, f"{later},E,NX,5,700,{3 if back else 0},{back}"))

    def write(self, folder):
        """A blob an interface."""
        for number, (subnet, rules) in enumerate(sorted(self.flows.items())):
            groups = [
                {"rule": rule, "flowTuples": [text for _, text in sorted(rows)]}
                for rule, rows in sorted(rules.items())
            ]
            record = {
                "time": "2026-01-05T14:59:59.0000000Z",
                "flowLogGUID": "00000000-0000-0000-0000-000000000001",
                "macAddress": f"00224812A00{number}",
                "category": "FlowLogFlowEvent",
                "targetResourceID": f"{RESOURCES}/virtualNetworks/vnet-integration",
                "flowLogVersion": 4,
                "operationName": "FlowLogFlowEvent",
                "flowRecords": {
                    "flows": [{"aclID": f"{RESOURCES}/networkSecurityGroups/nsg-{subnet}", "flowGroups": groups}]
                },
            }
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{subnet}.json").write_text(json.dumps({"records": [record]}) + "\n")


def background(log, names_until=60 * MINUTE):
    """What works: Storage, SQL and Event Hubs answer, until names stop to resolve."""
    for minute in range(0, 60, 5):
        for number, subnet in enumerate(SUBNETS):
            time = minute * MINUTE + number * 1_000 + 137
            if time < names_until:
                log.add(time, subnet, STORAGE, 443, "DefaultRule_AllowInternetOutBound")
                log.add(time + 300, subnet, SQL, 1433, "DefaultRule_AllowInternetOutBound")
                log.add(time + 600, subnet, HUB, 5672, "DefaultRule_AllowInternetOutBound")


def dns():
    """From 14:30:12.500 a rule denies 53 to the DNS server on premises; then nothing else is tried."""
    log = Log()
    cut = 30 * MINUTE + 12_500
    background(log, cut)
    for step in range(120):
        time = step * 30_000 + 12_500
        for subnet in SUBNETS:
            if time < cut:
                log.add(time, subnet, DNS, 53, "DefaultRule_AllowVnetOutBound", udp=True)
            else:
                log.add(time, subnet, DNS, 53, "UserRule_deny-on-premises", udp=True, deny=True)
    return log


def asymmetric():
    """Management traffic comes in and is allowed, and no byte goes back by the way it came."""
    log = Log()
    background(log)
    for minute in range(0, 60, 4):
        for subnet in SUBNETS:
            time = minute * MINUTE + 5_250
            log.add(time, subnet, ASM, 455, "UserRule_AllowManagement", inbound=True, back=0)
            log.add(time + 90, subnet, ASM, 454, "UserRule_AllowManagement", inbound=True, back=0)
            log.add(time + 180, subnet, APIM, 3443, "UserRule_AllowManagement", inbound=True, back=0)
    return log


def connectors():
    """From 14:20:05.250 454 from AzureConnectors and 3443 from ApiManagement are denied."""
    log = Log()
    background(log)
    cut = 20 * MINUTE + 5_250
    for minute in range(0, 60, 2):
        for subnet in SUBNETS:
            time = minute * MINUTE + 5_250
            deny = time >= cut
            rule = "UserRule_tighten-inbound" if deny else "UserRule_AllowManagement"
            log.add(time, subnet, CONNECTORS, 454, rule, inbound=True, deny=deny)
            log.add(time + 90, subnet, APIM, 3443, rule, inbound=True, deny=deny)
            log.add(time + 180, subnet, ASM, 455, "UserRule_AllowAppServiceManagement", inbound=True)
    return log


def probes():
    """From 14:10:00.750 a rule that denies all inbound traffic takes the health probes along."""
    log = Log()
    background(log)
    for step in range(240):
        for subnet in SUBNETS:
            time = step * 15_000 + 750
            deny = time >= 10 * MINUTE + 750
            rule = "UserRule_deny-all-inbound" if deny else "DefaultRule_AllowAzureLoadBalancerInBound"
            log.add(time, subnet, PROBE, 16001, rule, inbound=True, deny=deny)
    return log


def main():
    """Writes every story."""
    root = pathlib.Path(sys.argv[1])
    for story in (dns, asymmetric, connectors, probes):
        story().write(root / story.__name__)


if __name__ == "__main__":
    main()
