# How every room is built: warnings are errors, one static library a room, sources listed by name.

include(CheckCXXCompilerFlag)

add_library(foldline_options INTERFACE)
target_compile_options(foldline_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual
                                                  -Wunused -Woverloaded-virtual -Wconversion -Wno-sign-conversion -Werror)
if(FOLDLINE_SANITIZE)
  target_compile_options(foldline_options INTERFACE -fsanitize=${FOLDLINE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  target_link_options(foldline_options INTERFACE -fsanitize=${FOLDLINE_SANITIZE})
endif()

# GCC clears 48 to 256 bytes by `rep stos`, which takes a few dozen cycles to begin: 7% of an event's way through the lane (decision 60).
set(FOLDLINE_CLEAR_BY_VECTORS -mmemset-strategy=vector_loop:256:noalign,libcall:-1:noalign)
check_cxx_compiler_flag(${FOLDLINE_CLEAR_BY_VECTORS} FOLDLINE_CAN_CLEAR_BY_VECTORS)

# foldline_library(NAME SOURCES a.cpp ... PUBLIC deps ... PRIVATE deps ...)
function(foldline_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  add_library(foldline::${name} ALIAS ${name})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/foldline>)
  target_compile_features(${name} PUBLIC cxx_std_20)
  if(FOLDLINE_CAN_CLEAR_BY_VECTORS)
    target_compile_options(${name} PRIVATE $<$<NOT:$<CONFIG:Debug>>:${FOLDLINE_CLEAR_BY_VECTORS}>)
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE $<BUILD_INTERFACE:foldline_options> ${ARG_PRIVATE})
  # What the tests share among themselves is built like a room, but is no part of the installed package.
  if(FOLDLINE_INSTALL AND NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/(tests|bench)")
    install(TARGETS ${name} EXPORT foldlineTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    set_property(GLOBAL APPEND PROPERTY FOLDLINE_LIBRARIES foldline::${name})
  endif()
endfunction()

# foldline_test(NAME SOURCES a_test.cpp ... LINK deps ...): a GoogleTest program, known to ctest under its name. Its place gives its labels:
# what is under tests/unit/engine runs by `ctest -L unit` and `-L engine`, and is built by the targets tests_unit and tests_engine.
function(foldline_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(NOT FOLDLINE_SANITIZE)
    target_compile_options(${name} PRIVATE -O1 -g1) # the rooms are as they are shipped; what only asks them builds in half the time
  endif()
  target_link_libraries(${name} PRIVATE foldline_options ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  file(RELATIVE_PATH place ${PROJECT_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" ";" labels ${place})
  set_tests_properties(${name} PROPERTIES LABELS "${labels}")
  foreach(label IN LISTS labels)
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${name})
  endforeach()
endfunction()
