#!/bin/sh
# PostgreSQL's server programs, for the tests' own private cluster. Says nothing when they are there.
#
# Debian would start a cluster of its own after installing; it is told not to: the tests start theirs, in a folder of
# their own, on a Unix socket, and stop it.
set -eu

found() {
    command -v initdb >/dev/null 2>&1 && return 0
    for bin in /usr/lib/postgresql/*/bin/initdb; do [ -x "$bin" ] && return 0; done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

found && exit 0
if command -v apt-get >/dev/null 2>&1; then
    echo 'sluice: installing with apt-get: postgresql' >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null 2>&1 || true
    as_root mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null 2>&1 || true
fi
found || echo 'sluice: PostgreSQL could not be installed: its tests are skipped' >&2
