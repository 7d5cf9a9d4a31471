# Sourced by the scripts beside it: installing packages on Debian and its derivatives.

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# install_packages PACKAGE...: where there is no apt-get, says what to install and ends the script.
install_packages() {
  if ! command -v apt-get >/dev/null; then
    echo "install these with this system's package manager, then try again: $*" >&2
    exit 1
  fi
  echo "installing $* ..." >&2
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" >/dev/null
}

# without_services: until the script ends, packages that are installed do not start their services. Debian asks this
# file whether a service may be started; ours says no (101).
without_services() {
  policy=/usr/sbin/policy-rc.d
  if command -v apt-get >/dev/null && [ ! -e "$policy" ]; then
    trap 'as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
}
