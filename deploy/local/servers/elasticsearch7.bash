# Elasticsearch 7: one node, started only when it is named. Not Apache-licensed: fetched for tests, never shipped.

elasticsearch7_optional=yes
elasticsearch7_version=7.17.29
elasticsearch7_log=$state/elasticsearch7/log

elasticsearch7_ports() { echo http transport; }
elasticsearch7_address() { echo "127.0.0.1:$(port elasticsearch7 http)"; }
elasticsearch7_env() { echo "export SEARCH_URL=http://$(elasticsearch7_address)"; }
elasticsearch7_install() { search_install elasticsearch7 "$elasticsearch7_version"; }
elasticsearch7_launch() { search_launch elasticsearch7 "$elasticsearch7_version"; }
elasticsearch7_pids() { pids_by_argument java "$state/elasticsearch7/data"; }
elasticsearch7_ready() { search_ready elasticsearch7; }
elasticsearch7_stop_main() { kill -TERM "$1"; }
elasticsearch7_tool() { search_tool elasticsearch7 "$@"; }
