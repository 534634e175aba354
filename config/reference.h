// The language as text, made from the tables that load it, so that neither can fall behind.
//
//   std::cout << reference_markdown();   // the key tables of docs/configuration.md, where a test compares them
//   std::cout << json_schema();          // for editors: draft 2020-12
#pragma once

#include <string>
#include <vector>

#include "config/property.h"

namespace foldline::config {

std::string reference_markdown();
std::string functions_markdown();  // the functions of expressions
std::string json_schema();

// Every level, in the order of the reference.
std::vector<LevelDescription> all_levels();

}  // namespace foldline::config
