#!/usr/bin/env bash
# Finds what the tests need beside Rust, and installs what is missing where it can: on Debian and its relatives, as root
# or with sudo. No system service is started: the tests run a private broker and a private web server. With everything
# present it changes nothing and needs no rights.
set -euo pipefail

# package, and what shows that it is there (any of these; a pattern may be a command or a path)
needs=(
  "rabbitmq-server  rabbitmq-server /usr/sbin/rabbitmq-server /opt/rabbitmq/sbin/rabbitmq-server"
  "openssl          openssl"
  "iproute2         ip /usr/sbin/ip /sbin/ip"
  "iptables         iptables /usr/sbin/iptables /sbin/iptables"
  "nginx-light      nginx /usr/sbin/nginx"
  "gimp-help-en     /usr/share/gimp/*/help/en/index.html"
  "openclipart-png  /usr/share/openclipart/png"
  "python3-venv     /usr/lib/python3*/ensurepip/__init__.py /usr/local/lib/python3*/ensurepip/__init__.py"
  "man-db           man"
  "gcc              cc"
  "prometheus       promtool /usr/bin/promtool"
  "libc6-dev        /usr/include/*/bits/libc-header-start.h /usr/include/bits/libc-header-start.h"
)

present() {
  local sign
  # unquoted: the patterns are to be expanded
  # shellcheck disable=SC2048
  for sign in $*; do
    if [[ $sign == /* ]]; then [[ -e $sign ]] && return; else command -v "$sign" >/dev/null && return; fi
  done
  return 1
}

list_missing() {
  missing=()
  local need
  for need in "${needs[@]}"; do
    present "${need#* }" || missing+=("${need%% *}")
  done
}

die() {
  printf 'install: %s\n' "$@" >&2
  exit 1
}

# Runs as root, with the packages as arguments.
install_packages() {
  set -euo pipefail
  export DEBIAN_FRONTEND=noninteractive
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    # Debian's own way to say that a package's services must not be started; taken away again at the end.
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  apt-get update -qq </dev/null
  apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
  # Nor at the next start of the machine.
  if [[ -d /run/systemd/system ]]; then
    for service in rabbitmq-server nginx prometheus; do
      [[ " $* " != *" $service"* ]] || systemctl disable --quiet "$service" || true
    done
  fi
}

list_missing
if [[ ${#missing[@]} -gt 0 ]]; then
  command -v apt-get >/dev/null || die "missing: ${missing[*]}" "this is not a Debian machine: install them with its own package manager"
  by_hand="hint: sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
  echo "install: installing ${missing[*]}"
  if [[ $(id -u) == 0 ]]; then
    become=()
  elif ! command -v sudo >/dev/null; then
    die "not root, and there is no sudo" "$by_hand"
  elif [[ -t 0 ]]; then
    become=(sudo)
  else
    become=(sudo --non-interactive)
  fi
  "${become[@]}" bash -c "$(declare -f install_packages); install_packages \"\$@\"" install "${missing[@]}" \
    || die "the installation failed" "$by_hand"
  list_missing
  [[ ${#missing[@]} -eq 0 ]] || die "installed, but not found: ${missing[*]}"
fi

command -v cargo >/dev/null || die "there is no cargo" "hint: install Rust with rustup (https://rustup.rs)"
for component in rustfmt clippy; do
  cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || die "there is no $component" "hint: rustup component add $component"
done
