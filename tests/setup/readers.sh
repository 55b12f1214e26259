#!/usr/bin/env bash
# The outside readers and validators of tests/formats/: Python's in target/readers/venv, npm's in
# target/readers/node_modules. Versions are pinned in tests/readers/.
set -euo pipefail
cd "$(dirname "$0")/../.."
readers=target/readers

# Debian packages that are missing, in one go.
packages() {
  local wanted=()
  command -v python3 >/dev/null || wanted+=(python3)
  python3 -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3-venv)
  command -v node >/dev/null || wanted+=(nodejs)
  command -v npm >/dev/null || wanted+=(npm)
  if [ ${#wanted[@]} -gt 0 ]; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${wanted[@]}"
  fi
}

# Runs an installer unless it was run with this list of packages; the mark is set only where it ended
# well.
once() {
  local list=$1 mark=$2
  shift 2
  if ! cmp -s "$list" "$mark"; then
    rm -f "$mark"
    "$@"
    cp "$list" "$mark"
  fi
}

python_readers() {
  python3 -m venv --clear "$readers/venv"
  "$readers/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/readers/requirements.txt
}

node_readers() {
  cp tests/readers/package.json "$readers/package.json"
  npm install --prefix "$readers" --silent --no-audit --no-fund --ignore-scripts --legacy-peer-deps
  chmod u+x "$readers/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"
}

mkdir -p "$readers"
packages
once tests/readers/requirements.txt "$readers/python.done" python_readers
once tests/readers/package.json "$readers/node.done" node_readers
