# Elasticsearch 8: one node, started only when it is named. Not Apache-licensed: fetched for tests, never shipped.

elasticsearch8_optional=yes
elasticsearch8_version=8.19.21
elasticsearch8_log=$state/elasticsearch8/log

elasticsearch8_ports() { echo http transport; }
elasticsearch8_address() { echo "127.0.0.1:$(port elasticsearch8 http)"; }
elasticsearch8_env() { echo "export SEARCH_URL=http://$(elasticsearch8_address)"; }
elasticsearch8_install() { search_install elasticsearch8 "$elasticsearch8_version"; }
elasticsearch8_launch() { search_launch elasticsearch8 "$elasticsearch8_version"; }
elasticsearch8_pids() { pids_by_argument java "$state/elasticsearch8/data"; }
elasticsearch8_ready() { search_ready elasticsearch8; }
elasticsearch8_stop_main() { kill -TERM "$1"; }
elasticsearch8_tool() { search_tool elasticsearch8 "$@"; }
