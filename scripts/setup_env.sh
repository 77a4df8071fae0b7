#!/usr/bin/env bash
# Makes .venv from requirements.lock, or finds it up to date: bash scripts/setup_env.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }
stop() { say "error: $*"; exit 2; }

stamp=.venv/.up_to_date
want="$(cat requirements.lock pyproject.toml scripts/setup_env.sh | cksum) $PWD"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

# A shim of pyenv can be on PATH and still fail: only a python that runs counts.
is_python() { [ -n "$1" ] && "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, '"$2"'))' >/dev/null 2>&1; }

# Behind a proxy with a certificate of its own, only the certificates of the system know it.
for store in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    [ -e "$store" ] && export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}" UV_NATIVE_TLS="${UV_NATIVE_TLS:-true}"
done

find_uv() {
    if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
        command -v uv
        return
    fi
    if ! .venv-tools/bin/uv --version >/dev/null 2>&1; then
        say "installing uv into .venv-tools"
        rm -rf .venv-tools
        make_tools_venv || stop "uv cannot be installed: no python3 on PATH that can make a virtual environment (python3 -m venv)"
        .venv-tools/bin/python -m pip install --quiet --disable-pip-version-check uv >&2 || stop "uv cannot be installed by pip into .venv-tools"
    fi
    printf '%s\n' "$PWD/.venv-tools/bin/uv"
}

make_tools_venv() {
    local candidate
    for candidate in python3 python /usr/bin/python3 "${UV_PYTHON:-}" python3.{14,13,12,11,10}; do
        [ -n "$candidate" ] && "$candidate" -m venv .venv-tools >/dev/null 2>&1 && return
        rm -rf .venv-tools
    done
    return 1
}

find_python() {
    local candidate
    for candidate in "${UV_PYTHON:-}" python3.10 "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"/versions/3.10*/bin/python; do
        if is_python "$candidate" 10; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    say "no python3.10 on this machine runs: asking uv for one"
    env -u UV_PYTHON "$uv" python install --quiet --no-bin 3.10 >/dev/null 2>&1 && env -u UV_PYTHON "$uv" python find 3.10 && return
    for candidate in python3.{13,12,11} python3 "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"/versions/3.1[123]*/bin/python; do
        if is_python "$candidate" 11 || is_python "$candidate" 12 || is_python "$candidate" 13; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    stop "no Python of 3.10 to 3.13 runs here and uv could not install one: set UV_PYTHON to one (Lava needs exactly 3.10)"
}

uv="$(find_uv)"
python="$(find_python)"
unset UV_PYTHON VIRTUAL_ENV
if is_python "$python" 10; then
    say "setting up .venv with $("$python" --version) (a few GB the first time)"
    if ! is_python .venv/bin/python 10; then
        rm -rf .venv
        "$uv" venv --quiet --python "$python" .venv
    fi
    rm -f "$stamp"
    quiet=--quiet; [ -t 2 ] && quiet=  # a terminal sees what is downloaded
    "$uv" pip sync $quiet --python .venv/bin/python --require-hashes requirements.lock
    "$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
else
    say "no Python 3.10 here, which Lava needs: setting up .venv with $("$python" --version) and the core alone"
    rm -rf .venv
    "$uv" venv --quiet --python "$python" .venv
    "$uv" pip install --quiet --python .venv/bin/python --editable .
fi
printf '%s\n' "$want" >"$stamp"
