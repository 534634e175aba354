# What `cmake --install` puts in place: the program, every room's library and headers, and the files that find_package(foldline) reads.
include(CMakePackageConfigHelpers)

if(TARGET foldline)
  install(TARGETS foldline RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY common config projectors sinks engine DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/foldline FILES_MATCHING PATTERN "*.h")
install(FILES cmd/foldline/main.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/foldline/cmd/foldline)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/foldline)
get_property(FOLDLINE_LIBRARIES GLOBAL PROPERTY FOLDLINE_LIBRARIES)
install(EXPORT foldlineTargets NAMESPACE foldline:: DESTINATION ${package_dir})
configure_package_config_file(deploy/cmake/foldlineConfig.cmake.in ${PROJECT_BINARY_DIR}/foldlineConfig.cmake INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/foldlineConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/foldlineConfig.cmake ${PROJECT_BINARY_DIR}/foldlineConfigVersion.cmake deploy/cmake/dependencies.cmake
        DESTINATION ${package_dir})
