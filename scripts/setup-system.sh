#!/usr/bin/env bash
# Sees to what is not Python: a JDK (>= 11), Maven and, on Linux, a virtual display for ImageJ. As root on Debian or
# Ubuntu it installs what is missing, elsewhere it says in one sentence what to install.
set -euo pipefail

has_jdk() { # A JDK >= 11 that can open windows: Debian's "headless" one lacks libawt_xawt.
  local home
  javac -version 2>&1 | grep -Eq '^javac (1[1-9]|[2-9][0-9])' || return 1
  home=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.home = //p')
  [ "$(uname)" != Linux ] || [ -e "$home/lib/libawt_xawt.so" ]
}

missing=() packages=()
has_jdk || { missing+=("a JDK (11 or newer, not a headless one)") && packages+=(default-jdk fonts-dejavu-core); }
command -v mvn >/dev/null || { missing+=(Maven) && packages+=(maven); }
if [ "$(uname)" = Linux ]; then
  { command -v Xvfb && command -v xvfb-run && command -v xauth; } >/dev/null || { missing+=("Xvfb with xauth") && packages+=(xvfb xauth); }
fi
[ ${#missing[@]} -gt 0 ] || exit 0

list=$(printf ', %s' "${missing[@]}")
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  printf '[setup] Installing %s (apt-get install %s) ...\n' "${list:2}" "${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install --yes --no-install-recommends "${packages[@]}" >/dev/null
elif command -v apt-get >/dev/null; then
  printf '[setup] Please install %s and run make again: sudo apt-get install %s\n' "${list:2}" "${packages[*]}" >&2 && exit 1
else
  printf '[setup] Please install %s and run make again.\n' "${list:2}" >&2 && exit 1
fi
