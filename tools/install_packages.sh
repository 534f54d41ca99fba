#!/usr/bin/env bash
# Installs the Debian packages that are missing: `install_packages.sh run` or `install_packages.sh test`.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
part=${1:-run}
wanted=$(awk -v part="$part" '
  /^#/ || /^$/ { next }
  /^\[/ { section = $0; next }
  section == "[run]" || part == "test" { print }' "$top/tools/packages.txt")

# One dpkg-query for all: a second start spends milliseconds here.
have=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
  awk '$2 == "installed" { print $1 }' || true)
missing=
for package in $wanted; do
  # A newer node or npm from elsewhere serves as well as Debian's.
  case $package in nodejs) command -v node >/dev/null && continue ;; npm) command -v npm >/dev/null && continue ;; esac
  grep -qx "$package" <<<"$have" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

command -v apt-get >/dev/null || die "these packages are missing and there is no apt-get:$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || die "these packages are missing; install them as root:$missing"
  as_root=sudo
fi
export DEBIAN_FRONTEND=noninteractive
step "package lists" $as_root apt-get update
step "packages:$missing" $as_root apt-get install -y --no-install-recommends $missing
