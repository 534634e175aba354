# Kafka: one node, broker and controller (KRaft). Its jars come from Maven once and are kept where several clones share them.
# Configuration: https://kafka.apache.org/41/configuration/broker-configs/

readonly kafka_version=4.1.1
kafka_files=$state/kafka
kafka_properties=$kafka_files/server.properties
kafka_log=$kafka_files/log
kafka_jars=$cache/kafka-$kafka_version

kafka_ports() { echo broker controller; }
kafka_address() { echo "127.0.0.1:$(port kafka broker)"; }
kafka_env() { echo "export KAFKA_BROKERS=$(kafka_address)"; }

# Fetched into a directory beside it and moved in whole: a killed download leaves nothing that looks complete.
kafka_fetch() {
  [ -d "$kafka_jars" ] && return 0
  echo "stack: fetching Kafka $kafka_version with Maven (43 MB, once for this machine)"
  local new log
  command -v mvn >/dev/null || die "Maven is missing: run 'deploy/local/install servers'"
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/.kafka.XXXXXX") || return 1
  log=$new.log
  if ! mvn -B -q -f "$here/servers/kafka/pom.xml" -Dkafka.version="$kafka_version" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$new" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    rm -rf "$new" "$log"
    die "Maven could not fetch Kafka"
  fi
  chmod -R a+rX "$new"
  mv -T "$new" "$kafka_jars" 2>/dev/null || rm -rf "$new" # another clone was faster
  rm -f "$log"
}

# kafka_java HEAP LOG_LEVEL CLASS ARGUMENTS…: the command line of one of Kafka's programs
kafka_java() {
  local heap=$1 level=$2
  shift 2
  java_command=(java -Xms"$heap" -Xmx1g -XX:+UseG1GC -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true
    -Dlog4j2.configurationFile="$kafka_files/log4j2.properties" -Dfoldline.log.level="$level" -cp "$kafka_jars/*" "$@")
}

kafka_configure() {
  install -m 644 "$here/servers/kafka/log4j2.properties" "$kafka_files/log4j2.properties"
  sed -e "s|@BROKER_PORT@|$(port kafka broker)|g" -e "s|@CONTROLLER_PORT@|$(port kafka controller)|g" -e "s|@DATA@|$1|g" \
    "$here/servers/kafka/server.properties.in" >"$2.new"
  chmod 644 "$2.new"
  mv -f "$2.new" "$2"
}

kafka_install() {
  kafka_fetch
  [ -d "$kafka_files/data" ] && return 0
  local properties=$kafka_files/format.properties id
  make_data_directory "$kafka_files/data.new"
  kafka_configure "$kafka_files/data.new" "$properties"
  # URL-safe base64 without its '-': as the first letter, one time in 64, Kafka's program would take the ID for an option.
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'A_' | cut -c1-22)
  kafka_java 64m WARN kafka.tools.StorageTool format -t "$id" -c "$properties"
  (as_server_user "${java_command[@]}") >"$kafka_files/format.log" 2>&1 ||
    { cat "$kafka_files/format.log" >&2; die "Kafka could not format its data directory"; }
  mv -T "$kafka_files/data.new" "$kafka_files/data"
}

kafka_launch() {
  kafka_configure "$kafka_files/data" "$kafka_properties"
  kafka_java 512m INFO kafka.Kafka "$kafka_properties"
  spawn "$kafka_log" "${java_command[@]}"
}

kafka_pids() { pids_by_argument java "$kafka_properties"; }
kafka_ready() { grep -qs 'Kafka Server started' "$kafka_log"; }
kafka_stop_main() { kill -TERM "$1"; }

# stack tool kafka CLASS ARGUMENTS…, for example: org.apache.kafka.tools.TopicCommand --bootstrap-server "$KAFKA_BROKERS" --list
kafka_tool() {
  kafka_java 64m WARN "$@"
  (as_server_user "${java_command[@]}")
}
