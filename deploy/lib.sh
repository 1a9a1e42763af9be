# What the services share; sourced by deploy/<service>/service.

SERVICES_HOME="${MLINFRA_SERVICES_HOME:-$HOME/.cache/mlinfra/services}"

fail() { printf '%s\n' "$*" >&2; exit 1; }

# need PROGRAM REMEDY
need() { command -v "$1" >/dev/null || fail "$1 is missing: $2"; }

# copy_jars POM FOLDER: the jars of a POM, fetched again only when the POM has changed
copy_jars() {
  local pom=$1 folder=$2
  cmp -s "$pom" "$folder/pom.xml" && return
  need mvn "apt-get install maven"
  rm -rf "$folder.new"
  mkdir -p "$folder.new"
  cp "$pom" "$folder.new/pom.xml"
  mvn --batch-mode --quiet -f "$folder.new/pom.xml" dependency:copy-dependencies -DoutputDirectory="$folder.new" >&2
  rm -rf "$folder"
  mv "$folder.new" "$folder"
}

# running PIDFILE SIGN: whether the process of a file lives and has SIGN in its command line (ids are used again)
running() { [ -s "$1" ] && ps -ww -p "$(cat "$1")" -o args= 2>/dev/null | grep -qF -- "$2"; }

# listens PORT: whether anything listens there on loopback
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# end PIDFILE SIGN SECONDS: asks a process to end, and kills it when it has not within that time
end() {
  running "$1" "$2" || { rm -f "$1"; return 0; }
  local pid
  pid=$(cat "$1")
  kill "$pid"
  for _ in $(seq $(($3 * 10))); do
    running "$1" "$2" || { rm -f "$1"; return 0; }
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$1"
}
