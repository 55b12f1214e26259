#!/usr/bin/env bash
# What the tests of the HTML report need: Chromium, Node.js, pdftotext, and the packages of tests/browser; and a C
# compiler (for zstd). Quick where all is there. Root, or sudo.
set -euo pipefail
cd "$(dirname "$0")/../.."

wanted=()
has() { command -v "$1" >/dev/null; }
has cc || wanted+=(gcc libc6-dev)
has chromium || wanted+=(chromium chromium-sandbox fonts-dejavu-core)
has node || wanted+=(nodejs)
has npm || wanted+=(npm)
has pdftotext || wanted+=(poppler-utils)
if [ "${#wanted[@]}" -gt 0 ]; then
  root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
fi

# npm notes what it installed; anew where the lock file has changed since.
if ! [ tests/browser/node_modules/.package-lock.json -nt tests/browser/package-lock.json ]; then
  npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund --silent
  touch tests/browser/node_modules/.package-lock.json
fi
