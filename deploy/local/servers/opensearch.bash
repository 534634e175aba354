# OpenSearch: one node. Its jars come from Maven once and are kept where several clones share them.

opensearch_version=2.19.6
opensearch_log=$state/opensearch/log

opensearch_ports() { echo http transport; }
opensearch_address() { echo "127.0.0.1:$(port opensearch http)"; }
opensearch_env() { echo "export SEARCH_URL=http://$(opensearch_address)"; }
opensearch_install() { search_install opensearch "$opensearch_version"; }
opensearch_launch() { search_launch opensearch "$opensearch_version"; }
opensearch_pids() { pids_by_argument java "$state/opensearch/data"; }
opensearch_ready() { search_ready opensearch; }
opensearch_stop_main() { kill -TERM "$1"; }

# stack tool opensearch PATH…: curl, for example: stack tool opensearch '_cat/indices?v'
opensearch_tool() { search_tool opensearch "$@"; }

# What the search servers share: Elasticsearch has the same shape (elasticsearch7.bash, elasticsearch8.bash).

# search_fetch KIND VERSION: jars and the program that starts a node, built beside their place and moved in whole.
search_fetch() {
  local kind=$1 version=$2 place=$cache/$1-$2
  [ -d "$place" ] && return 0
  echo "stack: fetching $kind $version with Maven (about 50 MB, once for this machine)"
  command -v mvn >/dev/null || die "Maven is missing: run 'deploy/local/install servers'"
  mkdir -p "$cache"
  local new log
  new=$(mktemp -d "$cache/.$kind.XXXXXX") || return 1
  log=$new.log
  if ! mvn -B -q -f "$here/servers/search/$kind/pom.xml" -Dserver.version="$version" -Dbuild.place="$new" package >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    rm -rf "$new" "$log"
    die "Maven could not build a node of $kind"
  fi
  chmod -R a+rX "$new"
  mv -T "$new" "$place" 2>/dev/null || rm -rf "$new" # another clone was faster
  rm -f "$log"
}

search_install() {
  search_fetch "$1" "$2"
  [ -d "$state/$1/data" ] && return 0
  make_data_directory "$state/$1/data.new"
  (as_server_user mkdir -p "$state/$1/data.new/config" "$state/$1/data.new/tmp" "$state/$1/data.new/logs")
  mv -T "$state/$1/data.new" "$state/$1/data"
}

search_launch() {
  local home=$state/$1/data jars=$cache/$1-$2
  spawn "$state/$1/log" java -Xms"${SEARCH_HEAP:-512m}" -Xmx"${SEARCH_HEAP:-512m}" -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError \
    -Djava.io.tmpdir="$home/tmp" -Djava.awt.headless=true -Dfile.encoding=UTF-8 -Dlog4j2.disable.jmx=true -Dio.netty.noUnsafe=true \
    -Dio.netty.noKeySetOptimization=true -Dio.netty.recycler.maxCapacityPerThread=0 \
    -cp "$jars/classes:$jars/lib/*" foldline.local.Node "$home" "$(port "$1" http)" "$(port "$1" transport)"
}

# Yellow: every primary is there.
search_ready() {
  curl -fs -m 2 "http://127.0.0.1:$(port "$1" http)/_cluster/health?wait_for_status=yellow&timeout=1s" >/dev/null 2>&1
}

search_tool() {
  local kind=$1 path=${2:-}
  shift 2 || shift
  curl -sS "http://127.0.0.1:$(port "$kind" http)/$path" "$@"
}
