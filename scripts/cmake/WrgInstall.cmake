# SPDX-License-Identifier: MIT
# An outside driver needs find_package(wringer) and wringer::wringer, nothing else of ours.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(WRG_CONFIG_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/wringer")
set_target_properties(wrg_app PROPERTIES EXPORT_NAME wringer)
set_target_properties(wrg_sim PROPERTIES EXPORT_NAME sim)
add_library(wringer::wringer ALIAS wrg_app)
add_library(wringer::sim ALIAS wrg_sim)

install(TARGETS wrg_app wrg_sim EXPORT wringerTargets)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/wringer" DESTINATION include
        FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
foreach(program wringer wringer-replay)
    if(TARGET ${program})
        install(TARGETS ${program})
    endif()
endforeach()
install(EXPORT wringerTargets NAMESPACE wringer:: DESTINATION "${WRG_CONFIG_DIR}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/wringerConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/wringerConfig.cmake" INSTALL_DESTINATION "${WRG_CONFIG_DIR}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/wringerConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/wringerConfig.cmake"
              "${PROJECT_BINARY_DIR}/wringerConfigVersion.cmake"
        DESTINATION "${WRG_CONFIG_DIR}")
