// Name-based UUIDs: RFC 4122, section 4.3, version 5 (SHA-1).
#pragma once

#include <optional>
#include <string_view>

#include "common/uuid.h"

namespace foldline::expr {

Uuid uuid5(const Uuid& space, std::string_view name);
// dns, url, oid, x500: RFC 4122, appendix C.
std::optional<Uuid> uuid5_namespace(std::string_view name);

}  // namespace foldline::expr
