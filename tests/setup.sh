#!/usr/bin/env bash
# Installs what the tests need beside Rust. May be run again at any time: what is there is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
for part in tests/setup/*.sh; do
  bash "$part"
done
