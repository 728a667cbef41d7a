#!/usr/bin/env bash
# Sets up a virtual environment with everything that demo and tests need: prepare.sh FOLDER
# Works on a fresh Debian machine with python3, git and make. Installs system packages only where something does not work
# without them and it may (as root or with sudo without a password); otherwise it prints the line to run.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.."

FOLDER="${1:-.venv}"
LOG="$(mktemp)"
trap 'rm -f "$LOG"' EXIT

# What VTK (EGL of Mesa) and Qt (off-screen platform) load; found with ldd.
GRAPHICS_PACKAGES="libegl1 libegl-mesa0 libgl1 libgl1-mesa-dri libopengl0 libx11-6 libxcb1 libxkbcommon0 \
libfontconfig1 libfreetype6 libdbus-1-3 libglib2.0-0 fonts-dejavu-core"

say() { echo "setup: $*"; }

refuse() {
  say "$1" >&2
  [ -s "$LOG" ] && tail -n 15 "$LOG" >&2
  exit 1
}

# system_packages NAME... : installs Debian packages quietly. Fails when this user may not.
system_packages() {
  command -v apt-get > /dev/null || return 1
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null && sudo -n true 2> /dev/null || return 1
    as_root=(sudo -n)
  fi
  say "installing system packages: $*"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq > "$LOG" 2>&1 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >> "$LOG" 2>&1
}

# slicer-core has wheels for Python 3.10 to 3.13; the library needs 3.11.
find_python() {
  local name
  for name in "${PYTHON3:-python3}" python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null; then
      echo "$name"
      return 0
    fi
  done
  return 1
}

works() { "$FOLDER/bin/python" -m pip --version > /dev/null 2>&1; }

make_environment() {
  local python
  python="$(find_python)" || refuse "Expected Python 3.11, 3.12 or 3.13, found none; install one or set PYTHON3 to its path."
  say "creating $FOLDER with $("$python" --version)"
  rm -rf "$FOLDER"
  "$python" -m venv "$FOLDER" > "$LOG" 2>&1 && works && return 0
  # Debian keeps venv in a package of its own.
  local version
  version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
  rm -rf "$FOLDER"
  if system_packages "python$version-venv"; then
    "$python" -m venv "$FOLDER" > "$LOG" 2>&1 && works && return 0
  fi
  rm -rf "$FOLDER"
  "$python" -m virtualenv -q "$FOLDER" > "$LOG" 2>&1 && works && return 0
  rm -rf "$FOLDER"
  if "$python" -m pip --version > /dev/null 2>&1 && "$python" -m venv --without-pip "$FOLDER" > "$LOG" 2>&1; then
    "$python" -m pip -q --python "$FOLDER/bin/python" install pip > "$LOG" 2>&1 && works && return 0
    rm -rf "$FOLDER"
  fi
  refuse "Expected a Python that can make virtual environments, found none; run: sudo apt-get install python$version-venv"
}

[ -x "$FOLDER/bin/python" ] && works || make_environment

if ! "$FOLDER/bin/python" tools/check_environment.py packages 2> "$LOG"; then
  say "installing Python packages, about 500 MB; this takes a minute or two"
  mapfile -t requirements < <("$FOLDER/bin/python" tools/check_environment.py requirements)
  "$FOLDER/bin/python" -m pip install -q --disable-pip-version-check --no-input "${requirements[@]}" > "$LOG" 2>&1 ||
    refuse "Expected to install the Python packages of pyproject.toml, but pip failed:"
  "$FOLDER/bin/python" tools/check_environment.py packages 2> "$LOG" || refuse "Expected these packages after the installation:"
fi

if ! "$FOLDER/bin/python" tools/check_environment.py graphics > "$LOG" 2>&1; then
  # shellcheck disable=SC2086
  system_packages $GRAPHICS_PACKAGES ||
    refuse "Expected OpenGL (EGL) and the libraries of Qt, found them incomplete; run: sudo apt-get install $GRAPHICS_PACKAGES"
  "$FOLDER/bin/python" tools/check_environment.py graphics > "$LOG" 2>&1 ||
    refuse "Expected to draw without a display after installing the system packages, but it failed:"
fi
say "$FOLDER is ready"
