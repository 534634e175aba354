#include "common/error.h"

namespace foldline {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::config: return "config";
    case ErrorCode::decode: return "decode";
    case ErrorCode::expression: return "expression";
    case ErrorCode::value: return "value";
    case ErrorCode::rejected: return "rejected";
    case ErrorCode::store_rejected: return "store_rejected";
    case ErrorCode::store_unavailable: return "store_unavailable";
    case ErrorCode::fenced: return "fenced";
    case ErrorCode::superseded: return "superseded";
    case ErrorCode::log_unavailable: return "log_unavailable";
    case ErrorCode::log_lost: return "log_lost";
    case ErrorCode::dead_letter: return "dead_letter";
    case ErrorCode::limit: return "limit";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

}  // namespace foldline
