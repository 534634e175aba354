# What every server's file builds on. Sourced by `stack`, never run.
#
# A server's file (servers/NAME.bash) defines, for itself and with the prefix NAME_:
#   ports      the names of its ports
#   install    prepares the data directory; once, atomically: a half-made one is made anew
#   launch     starts the process by `spawn`, without waiting
#   pids       the pids of all its processes, its main one first; by what runs, not by what a file says
#   ready      true once clients can use it
#   stop_main  asks the main process to end in good order
#   env        its lines of `stack env`; address: what `status` shows
#
# A server's state is in $state/NAME: ports, log, data. Of these only the data directory belongs to the user that runs the servers.

readonly wait_ready_s=${STACK_WAIT_S:-60} wait_stop_s=30 wait_port_s=2 port_first=20000 port_last=31999

die() { echo "stack: $*" >&2; exit 1; }

# Root must not run servers (PostgreSQL refuses to): they get an account that owns nothing else.
if [ "$(id -u)" = 0 ]; then readonly server_user=${STACK_USER:-nobody}; else server_user=$(id -un); readonly server_user; fi
server_group=$(id -gn "$server_user") || die "no user '$server_user' to run the servers as; choose one by STACK_USER"
readonly server_group

# as_server_user COMMAND…: as that user, without root's environment and privileges. Replaces this shell: call it in a subshell.
as_server_user() {
  local -a drop=()
  if [ "$(id -u)" = 0 ]; then drop=(setpriv --reuid="$server_user" --regid="$server_group" --clear-groups --no-new-privs --inh-caps=-all); fi
  cd "$state" || exit 1
  exec env -i PATH="$PATH" LC_ALL=C.UTF-8 HOME="$state" "${drop[@]}" "$@"
}

# A directory that the servers' user may write; everything around it is the caller's own.
make_data_directory() {
  rm -rf "$1"
  mkdir -m 700 "$1"
  if [ "$(id -u)" = 0 ]; then chown "$server_user:$server_group" "$1"; fi
}

# spawn LOG COMMAND…: in the background, in a session of its own (a Ctrl-C in this terminal is not for it), holding none of our files open.
# Sets `spawned` to its pid.
spawn() {
  local log=$1
  shift
  if [ -s "$log" ]; then mv -f "$log" "$log.previous"; fi
  (
    exec </dev/null >"$log" 2>&1
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      if [ "$fd" -gt 2 ] && [ "$fd" != 255 ]; then eval "exec $fd>&-"; fi # 255 is bash's own
    done
    as_server_user setsid "$@"
  ) &
  spawned=$!
  disown
}

# The pids of processes whose name is COMM and that have exactly ARG among their arguments. Survives lost pid files and reused pids.
pids_by_argument() {
  local comm=$1 arg=$2 pid
  for pid in $(cd /proc && grep -lsxzF -f <(printf '%s' "$arg") -- [0-9]*/cmdline); do
    pid=${pid%/cmdline}
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$comm" ]; then echo "$pid"; fi
  done
}

# Is some process listening on this TCP port? From the kernel's own list: there may be no ss or netstat.
port_taken() {
  local hex
  printf -v hex ':%04X' "$1"
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port {found = 1} END {exit !found}'
}

port_free() { ! port_taken "$1"; }

# choose_ports SERVER: keeps the remembered ports while they are free, below the kernel's own range for outgoing connections. A server that
# was killed holds its ports for a moment longer than it is seen among the processes: until the kernel has taken its memory back.
choose_ports() {
  local server=$1 name port file=$state/$1/ports chosen=' '
  declare -A old=()
  if [ -f "$file" ]; then while IFS='=' read -r name port; do old[$name]=$port; done <"$file"; fi
  for name in $("${server}_ports"); do
    port=${old[$name]:-}
    if [[ $port =~ ^[0-9]+$ ]]; then wait_until "$wait_port_s" port_free "$port" || true; fi
    until [[ $port =~ ^[0-9]+$ ]] && [[ $chosen != *" $port "* ]] && port_free "$port"; do
      port=$((port_first + (RANDOM * 32768 + RANDOM) % (port_last - port_first + 1)))
    done
    chosen+="$port "
    echo "$name=$port"
  done >"$file.new"
  mv -f "$file.new" "$file"
}

# port SERVER NAME
port() { sed -n "s/^$2=//p" "$state/$1/ports" 2>/dev/null; }

# wait_until SECONDS COMMAND…: polls; the processes we wait for tell nobody when they change.
wait_until() {
  local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@"; do
    [ "${EPOCHREALTIME/./}" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}

alive() { [ -d "/proc/$1" ] && [ "$(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null)" != Z ]; }
