// Which stores there are. To add one: a folder beside this file, and one line in registry.cpp.
//
//   StoreContext context{{"analytics", 1}, views};
//   Result<std::unique_ptr<Store>> store = open_store(file.store, context);
//
// Connects to nothing yet: Store::prepare() does.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/view.h"
#include "config/projection_file.h"
#include "sinks/sink.h"

namespace foldline {

// What a store has to know of the projection it keeps.
struct StoreContext {
  ProjectionId id;
  std::vector<ViewSchema> views;  // in file order: ViewRows::view is an index into them
  std::int64_t id_window = 250'000;
  bool exact_ids = false;  // G16; the engine asks it of a store whose traits have it
  bool building = false;   // id.generation is in the making: its views stand apart from the live ones until Store::go_live()
};

// An error (code config): no such store, or one that can't keep these views; its hint says what to do.
Result<std::unique_ptr<Store>> open_store(const config::StoreSpec& spec, const StoreContext& context);

// "postgres, redis, ...": for messages.
std::string_view store_kinds();

}  // namespace foldline
