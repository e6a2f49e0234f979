# SPDX-License-Identifier: Apache-2.0
# Rules for `cmake --install`: the program, libraries, headers, and the package
# for find_package(deeplab).
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY DEEPLAB_LIBRARIES)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/deeplab)
install(TARGETS ${libraries} deeplab_torch EXPORT deeplab)
install(EXPORT deeplab NAMESPACE deeplab:: FILE deeplab_targets.cmake
        DESTINATION ${package_folder})
foreach(folder deeplab data)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
          FILES_MATCHING PATTERN "*.h")
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/include/deeplab/core/version.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/deeplab/core)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/tools/cmake/deeplab-config.cmake.in
  ${PROJECT_BINARY_DIR}/deeplab-config.cmake
  INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/deeplab-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/deeplab-config.cmake
              ${PROJECT_BINARY_DIR}/deeplab-config-version.cmake
              ${PROJECT_SOURCE_DIR}/tools/cmake/deeplab_dependencies.cmake
        DESTINATION ${package_folder})
