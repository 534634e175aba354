# How every room is built: warnings are errors, one static library a room, sources listed by name.

add_library(foldline_options INTERFACE)
target_compile_options(foldline_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual
                                                  -Wunused -Woverloaded-virtual -Wconversion -Wno-sign-conversion -Werror)
if(FOLDLINE_SANITIZE)
  target_compile_options(foldline_options INTERFACE -fsanitize=${FOLDLINE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  target_link_options(foldline_options INTERFACE -fsanitize=${FOLDLINE_SANITIZE})
endif()

# foldline_library(NAME SOURCES a.cpp ... PUBLIC deps ... PRIVATE deps ...)
function(foldline_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  add_library(foldline::${name} ALIAS ${name})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/foldline>)
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE $<BUILD_INTERFACE:foldline_options> ${ARG_PRIVATE})
endfunction()

# foldline_test(NAME SOURCES a_test.cpp ... LINK deps ...): a GoogleTest program, known to ctest under its name.
function(foldline_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE foldline_options ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
