# Shared by the scripts: where things live, how they speak. Sourced, never run.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PROVISO_CACHE=${PROVISO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/proviso}
# As root the gate becomes another user, who cannot walk into root's home.
if [ "$(id -u)" = 0 ]; then state=/var/lib/proviso; else state=${XDG_DATA_HOME:-$HOME/.local/share}/proviso; fi
export PROVISO_STATE=${PROVISO_STATE:-$state}
export CCACHE_DIR=${CCACHE_DIR:-$PROVISO_CACHE/ccache}
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$top} CCACHE_NOHASHDIR=1  # another clone finds what this one compiled

if [ -t 2 ]; then bold=$(printf '\033[1m'); plain=$(printf '\033[0m'); else bold=; plain=; fi
say() { printf '%s==>%s %s\n' "$bold" "$plain" "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a long step: quiet with a heartbeat, whole log on failure.
step() {
  local name=$1 log start
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/proviso-step.XXXXXX")
  start=$SECONDS
  say "$name"
  "$@" >"$log" 2>&1 &
  local pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if [ -t 2 ]; then
      printf '\r    %3d s  %.60s\033[K' $((SECONDS - start)) "$(tail -c 200 "$log" | tr '\r' '\n' | tail -n 1)" >&2
    elif [ $(((SECONDS - start) % 30)) -eq 29 ]; then
      printf '    %d s: %.100s\n' $((SECONDS - start)) "$(tail -n 1 "$log")" >&2
      sleep 1
    fi
  done
  [ -t 2 ] && printf '\r\033[K' >&2
  if wait "$pid"; then
    say "$name: done in $((SECONDS - start)) s"
    rm -f "$log"
  else
    cat "$log" >&2
    die "$name failed; its whole output stands above and in $log"
  fi
}
