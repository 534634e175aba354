// Named places on the commit paths where a test makes the process die, freeze or lose its connections.
//
//   FOLDLINE_FAULT_POINT("postgres.staged");      // between two steps
//
// Only the test program `foldline_faults` (tests/faults) has them; everywhere else this is nothing. Only in .cpp files, for that program
// compiles exactly these once more. tests/integration/test_fault_points.py walks all that the sources name.
#pragma once

#ifdef FOLDLINE_FAULT_POINTS
#include <string_view>
namespace foldline {
void reach_fault_point(std::string_view name);  // any thread; does what FOLDLINE_FAULT says (tests/faults/fault_points.cpp)
}
#define FOLDLINE_FAULT_POINT(name) ::foldline::reach_fault_point(name)
#else
#define FOLDLINE_FAULT_POINT(name) static_cast<void>(0)
#endif
