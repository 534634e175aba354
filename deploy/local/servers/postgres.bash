# PostgreSQL: the distribution's server, with a cluster of our own; never the system's.

postgres_files=$state/postgres
postgres_log=$postgres_files/log
postgres_password=$postgres_files/password
postgres_bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
postgres_major=${postgres_bin%/bin} postgres_major=${postgres_major##*/}
postgres_data=$postgres_files/data-$postgres_major

postgres_ports() { echo server; }
postgres_address() { echo "127.0.0.1:$(port postgres server)"; }
postgres_url() { echo "postgresql://foldline:$(cat "$postgres_password")@$(postgres_address)/foldline"; }
postgres_env() { echo "export POSTGRES_URL=$(postgres_url)"; }

# Made beside its place and moved in whole: a killed initdb leaves nothing that looks complete.
postgres_install() {
  [ -x "$postgres_bin/postgres" ] || die "PostgreSQL is missing: run 'deploy/local/install servers'"
  [ -d "$postgres_data" ] && return 0
  local new=$postgres_data.new log=$postgres_files/initdb.log
  make_data_directory "$new"
  (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$postgres_password")
  {
    (as_server_user "$postgres_bin/initdb" -D "$new" --username=foldline --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync) &&
      printf "alter role foldline password '%s'\ncreate database foldline\n" "$(cat "$postgres_password")" |
      (as_server_user "$postgres_bin/postgres" --single -D "$new" postgres)
  } >"$log" 2>&1 || { cat "$log" >&2; die "PostgreSQL could not make its data directory"; }
  mv -T "$new" "$postgres_data"
}

postgres_launch() {
  echo 'host all all 127.0.0.1/32 scram-sha-256' >"$postgres_files/pg_hba.conf"
  chmod 644 "$postgres_files/pg_hba.conf"
  # None of its processes runs (the caller looked), so the file is of a killed one; its pid may be someone else's by now.
  rm -f "$postgres_data/postmaster.pid"
  # fsync stays on: what the tests prove about crashes is then true of the store as people run it.
  spawn "$postgres_log" "$postgres_bin/postgres" -D "$postgres_data" -c listen_addresses=127.0.0.1 -c port="$(port postgres server)" \
    -c unix_socket_directories= -c hba_file="$postgres_files/pg_hba.conf" -c max_connections=100 -c shared_buffers=256MB -c max_wal_size=2GB -c checkpoint_timeout=15min \
    -c logging_collector=off -c log_line_prefix='%m [%p] '
}

# Whatever works in the data directory: the main process, then workers that may have outlived it.
postgres_pids() {
  local main
  main=$(pids_by_argument postgres "$postgres_data")
  printf '%s\n' $main
  (as_server_user find /proc -maxdepth 2 -name cwd -lname "$(readlink -f "$postgres_data" | sed 's/[][*?\\]/\\&/g')" 2>/dev/null) |
    cut -d/ -f3 | grep -vx "${main:-none}" || true
}

# The server keeps its own state in its pid file's eighth line.
postgres_ready() { [ "$(sed -n '8{s/ *$//;p}' "$postgres_data/postmaster.pid" 2>/dev/null)" = ready ]; }
postgres_stop_main() { kill -INT "$1"; } # "fast": open sessions are ended, nothing is lost

# stack tool postgres ARGUMENTS…: psql
postgres_tool() { psql "$(postgres_url)" "$@"; }
