#!/bin/sh
# Make .venv hold this repository and the extras named as arguments, at the versions of requirements.lock.
#
#   tools/venv.sh test lint
#
# Instant when nothing changed: .venv/installed keeps a checksum of what the last install depended on, then the extras.
# Needs Python >= 3.11. Without the venv module (Debian splits it off) it asks apt-get for it, when it may.
set -eu
cd "$(dirname "$0")/.."
stamp=.venv/installed

say() { printf 'sluice: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# What decides whether the installed set is still right. The folder is part of it: a venv does not survive being moved.
key=$({ pwd -P; cat pyproject.toml requirements.lock tools/venv.sh; } | cksum | tr ' ' '-')

# The dispatcher is compiled after every install and whenever its sources have changed.
compile() {
    [ -z "${SLUICE_PURE:-}" ] || return 0
    .venv/bin/python tools/compile.py
}
[ -n "${SLUICE_PURE:-}" ] || set -- "$@" native

have=""
if [ -x .venv/bin/python ] && [ -r "$stamp" ] && [ "$(head -n 1 "$stamp")" = "$key" ]; then
    have=$(sed -n 2p "$stamp")
    missing=""
    for extra in "$@"; do
        case " $have " in *" $extra "*) ;; *) missing="$missing $extra" ;; esac
    done
    if [ -z "$missing" ]; then
        compile
        exit 0
    fi
fi

right() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3; do
        if right "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo -n "$@"
    else
        return 1
    fi
}

apt() {
    command -v apt-get >/dev/null 2>&1 || return 1
    say "installing with apt-get: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}

make_venv() {
    rm -rf .venv
    "$python" -m venv .venv >/dev/null 2>&1 && .venv/bin/python -m pip --version >/dev/null 2>&1
}

python=$(find_python) || { apt python3 python3-venv && python=$(find_python); } ||
    die "no Python >= 3.11 found. Looked for python3.14 … python3.11 and python3; name another one with: make … PYTHON=/path/to/python3"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# A working environment made for this very folder is kept and added to; anything else under that name cannot be used.
fits() {
    [ -x .venv/bin/python ] && right .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1 &&
        grep -qF "$(pwd -P)/.venv" .venv/bin/activate
}

if ! fits; then
    [ ! -e .venv ] || say ".venv was moved, or its Python is gone: making it again"
    say "making .venv with Python $version ($python)"
    make_venv || { { apt "python$version-venv" || apt python3-venv; } && make_venv; } || {
        rm -rf .venv
        die "$python cannot make a virtual environment. On Debian or Ubuntu run: apt-get install python$version-venv"
    }
    have=""
fi

# One line that moves on a terminal, a line now and then in a log.
progress() {
    if [ -t 2 ]; then width=$(tput cols 2>/dev/null || echo 80); else width=0; fi
    awk -v width="$width" '
        function show(text) {
            if (width > 0) {
                printf "\r%-" (width - 1) "." (width - 1) "s", "sluice:   " text > "/dev/stderr"
            } else if (seen % 10 == 1 || text !~ /^fetching/) {
                print "sluice:   " text > "/dev/stderr"
            }
            fflush("/dev/stderr")
        }
        /^ *Collecting / { seen++; show("fetching " seen ": " $2) }
        /^ *Installing build dependencies/ && !told++ { show("preparing sluice itself") }
        /^Installing collected packages/ { seen = NF - 3; show("installing " seen " packages") }
        END { if (width > 0) printf "\r%" (width - 1) "s\r", "" > "/dev/stderr" }
    '
}

wanted=$(printf '%s\n' $have "$@" | sort -u | tr '\n' ' ' | sed 's/ $//')
list=$(printf '%s' "$wanted" | tr ' ' ',')
say "installing sluice and its packages into .venv (${list:-no extras}; about a minute the first time)"
rm -f "$stamp"
log=.venv/install.log
status=.venv/install.status
echo 1 >"$status"
{
    .venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
        -c requirements.lock -e ".${list:+[$list]}" 2>&1
    echo $? >"$status"
} </dev/null | tee "$log" | progress
if [ "$(cat "$status")" != 0 ]; then
    grep -i -E 'error|could not|no matching' "$log" | tail -n 8 >&2 || tail -n 8 "$log" >&2
    die "pip could not install the packages; all it said is in $log"
fi
printf '%s\n%s\n' "$key" "$wanted" >"$stamp"
# A C compiler and Python's headers; where neither is to be had, it runs uncompiled.
headers=$(.venv/bin/python -c 'import os, sysconfig; print(int(os.path.exists(sysconfig.get_path("include") + "/Python.h")))')
if [ -z "${SLUICE_PURE:-}" ] && { ! command -v cc >/dev/null 2>&1 || [ "$headers" = 0 ]; }; then
    apt gcc libc6-dev "python$version-dev" || apt gcc libc6-dev python3-dev || say "no C compiler: the dispatcher runs uncompiled, at a third of the speed"
fi
compile
say "ready"
