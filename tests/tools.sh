#!/usr/bin/env bash
# Installs what tests need beside Python: Debian's chromium. Without it, browser tests skip and say so.
set -euo pipefail

if command -v chromium >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "browser tests will be skipped: no chromium; to have them, run as root: apt-get install -y chromium"
    exit 0
fi
echo "installing chromium (once)"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A list that cannot be read (a registry that is not reached here) must not stop the others.
apt-get update >"$log" 2>&1 </dev/null || true
if ! apt-get install -y --no-install-recommends chromium >>"$log" 2>&1 </dev/null; then
    tail -n 5 "$log"
    echo "browser tests will be skipped: chromium could not be installed"
fi
