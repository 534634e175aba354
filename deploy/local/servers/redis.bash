# Redis: the distribution's server, with a data directory of our own; never the system's.

redis_files=$state/redis
redis_log=$redis_files/log
redis_password=$redis_files/password
redis_data=$redis_files/data
redis_config=$redis_files/redis.conf

redis_ports() { echo server; }
redis_address() { echo "127.0.0.1:$(port redis server)"; }
redis_url() { echo "redis://default:$(cat "$redis_password")@$(redis_address)/0"; }
redis_env() { echo "export REDIS_URL=$(redis_url)"; }

redis_install() {
  command -v redis-server >/dev/null || die "Redis is missing: run 'deploy/local/install servers'"
  if [ ! -s "$redis_password" ]; then (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$redis_password"); fi
  [ -d "$redis_data" ] || make_data_directory "$redis_data"
}

# The password stands in a file that only the server's user reads, not in the list of processes. Its title stays as it was started, so that
# the process is found by its arguments.
redis_launch() {
  (umask 077 && cat >"$redis_config" <<CONFIG
bind 127.0.0.1
port $(port redis server)
dir $redis_data
requirepass $(cat "$redis_password")
# What Foldline requires (no row is evicted), and what keeps every acknowledged commit over a crash.
maxmemory-policy noeviction
appendonly yes
appendfsync always
save ""
set-proc-title no
daemonize no
logfile ""
CONFIG
  )
  if [ "$(id -u)" = 0 ]; then chown "$server_user:$server_group" "$redis_config"; fi
  spawn "$redis_log" redis-server "$redis_config"
}

redis_pids() { pids_by_argument redis-server "$redis_config"; }
redis_ready() { [ "$(REDISCLI_AUTH=$(cat "$redis_password") redis-cli -p "$(port redis server)" ping 2>/dev/null)" = PONG ]; }
redis_stop_main() { kill -TERM "$1"; } # saves what it has, then ends

# stack tool redis ARGUMENTS…: redis-cli
redis_tool() { REDISCLI_AUTH=$(cat "$redis_password") redis-cli -p "$(port redis server)" "$@"; }
