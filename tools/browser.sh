#!/bin/sh
# Chromium, for the tests that look at the two pages. Says nothing when it is there; nothing but Debian's is ever fetched.
set -eu

found() { command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

found && exit 0
if command -v apt-get >/dev/null 2>&1; then
    echo 'sluice: installing with apt-get: chromium' >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null 2>&1 || true
fi
found || echo 'sluice: Chromium could not be installed: its tests are skipped' >&2
