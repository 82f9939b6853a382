# SPDX-License-Identifier: MIT
# Layers, their tests, and the archives and programs made of them.
#
#   wrg_layer(<layer> [sources...])      object library wrg_<layer>; no sources is fine
#   wrg_test(<layer> file [LABEL x] [LIBS ...])   cmocka test beside its module
#
# libwringer.a (wrg_sim) holds the simulator, libwringer-cli.a (wrg_app) reports and commands.

function(wrg_add_layer_folder layer)
    if(EXISTS "${PROJECT_SOURCE_DIR}/sim/${layer}/CMakeLists.txt")
        add_subdirectory("${PROJECT_SOURCE_DIR}/sim/${layer}" "${PROJECT_BINARY_DIR}/sim/${layer}")
    endif()
endfunction()

function(wrg_layer layer)
    set(sources ${ARGN})
    if(NOT sources)
        add_library(wrg_${layer} INTERFACE)
        return()
    endif()
    list(TRANSFORM sources PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" REGEX "^[^/]")
    add_library(wrg_${layer} OBJECT ${sources})
    target_link_libraries(wrg_${layer} PRIVATE Threads::Threads)
    if(WRG_FUZZ)
        target_compile_options(wrg_${layer} PRIVATE
            "$<$<COMPILE_LANGUAGE:C>:SHELL:-include ${PROJECT_SOURCE_DIR}/sim/base/plain_string.h>")
    endif()
    # Kept so that WrgFuzz can compile a layer a second time, instrumented.
    set_property(GLOBAL PROPERTY WRG_SOURCES_${layer} "${sources}")
    set_property(GLOBAL APPEND PROPERTY WRG_LAYERS_WITH_SOURCES ${layer})
endfunction()

# The layers of `wanted` that have sources, in out.
function(wrg_layers_present out)
    get_property(present GLOBAL PROPERTY WRG_LAYERS_WITH_SOURCES)
    set(found)
    foreach(layer IN LISTS ARGN)
        if(layer IN_LIST present)
            list(APPEND found ${layer})
        endif()
    endforeach()
    set(${out} "${found}" PARENT_SCOPE)
endfunction()

function(wrg_archive target output)
    wrg_layers_present(layers ${ARGN})
    if(NOT layers)
        add_library(${target} INTERFACE)
        return()
    endif()
    add_library(${target} STATIC)
    foreach(layer IN LISTS layers)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:wrg_${layer}>)
    endforeach()
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output} LINKER_LANGUAGE C)
endfunction()

function(wrg_archives)
    wrg_archive(wrg_sim wringer ${WRG_LAYERS})
    target_link_libraries(wrg_sim INTERFACE Threads::Threads)
    target_include_directories(wrg_sim INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
    if(WRG_SANITIZE)
        # An outside program that links a sanitized archive needs the runtime too.
        target_link_options(wrg_sim INTERFACE -fsanitize=${WRG_SANITIZE})
    endif()
    if(WRG_JSON)
        wrg_archive(wrg_app wringer-cli ${WRG_APP_LAYERS})
        target_link_libraries(wrg_app INTERFACE wrg_sim jansson uring)
    else()
        add_library(wrg_app INTERFACE)
        target_link_libraries(wrg_app INTERFACE wrg_sim)
    endif()
endfunction()

# The archives stay plain objects, which any compiler and linker can use; so the program is compiled
# a second time, all of it, and optimized as one.
function(wrg_whole_program program)
    wrg_layers_present(layers ${WRG_LAYERS} ${WRG_APP_LAYERS})
    foreach(layer IN LISTS layers)
        get_property(sources GLOBAL PROPERTY WRG_SOURCES_${layer})
        target_sources(${program} PRIVATE ${sources})
    endforeach()
    target_compile_options(${program} PRIVATE $<$<COMPILE_LANGUAGE:C>:-flto>)
    target_link_options(${program} PRIVATE -O2 -flto -fuse-ld=lld)
    target_link_libraries(${program} PRIVATE Threads::Threads jansson uring)
endfunction()

# And a third time before that, to count which way its branches go on the corpus and on the
# benchmarks, of which the compiler then makes use. Counts are made once in a folder, for all files
# must be compiled with the same; functions that have changed since go without. Removing the
# .profdata and the objects, as a clean build does, counts anew.
function(wrg_profiled_program program main)
    set(profile "${PROJECT_BINARY_DIR}/${program}.profdata")
    string(REGEX MATCH "^[0-9]+" version "${CMAKE_C_COMPILER_VERSION}")
    find_program(WRG_PROFDATA NAMES llvm-profdata-${version} llvm-profdata REQUIRED)
    add_executable(${program}-counting "${main}")
    wrg_whole_program(${program}-counting)
    target_compile_options(${program}-counting PRIVATE
        $<$<COMPILE_LANGUAGE:C>:-fprofile-generate>)
    target_link_options(${program}-counting PRIVATE -fprofile-generate)
    add_custom_command(OUTPUT "${profile}"
        COMMAND "${PROJECT_SOURCE_DIR}/scripts/count-branches" $<TARGET_FILE:${program}-counting>
                "${WRG_PROFDATA}" "${profile}"
        COMMENT "Counting branches of ${program}")
    add_custom_target(${program}-profile DEPENDS "${profile}")
    add_dependencies(${program}-profile ${program}-counting)
    add_dependencies(${program} ${program}-profile)
    target_compile_options(${program} PRIVATE $<$<COMPILE_LANGUAGE:C>:-fprofile-use=${profile}
        -Wno-profile-instr-out-of-date -Wno-profile-instr-unprofiled -Wno-backend-plugin>)
    target_link_options(${program} PRIVATE "-fprofile-use=${profile}")
endfunction()

# Each program exists from the moment its main does.
function(wrg_programs)
    set(cli "${PROJECT_SOURCE_DIR}/sim/cli")
    if(WRG_JSON AND EXISTS "${cli}/wringer.c")
        add_executable(wringer "${cli}/wringer.c")
        if(WRG_LTO)
            wrg_whole_program(wringer)
            if(WRG_PGO)
                wrg_profiled_program(wringer "${cli}/wringer.c")
            endif()
        else()
            target_link_libraries(wringer PRIVATE wrg_app)
        endif()
        set_target_properties(wringer PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
    endif()
    if(EXISTS "${cli}/replay_main.c")
        add_executable(wringer-replay "${cli}/replay_main.c")
        target_link_libraries(wringer-replay PRIVATE wrg_sim)
        set_target_properties(wringer-replay PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
        if(CMAKE_CROSSCOMPILING)
            target_link_options(wringer-replay PRIVATE -static)
        endif()
    endif()
endfunction()

function(wrg_test layer file)
    if(NOT WRG_TESTS)
        return()
    endif()
    cmake_parse_arguments(arg "" "LABEL" "LIBS" ${ARGN})
    if(NOT arg_LABEL)
        set(arg_LABEL unit)
    endif()
    get_filename_component(stem ${file} NAME_WE)
    set(target ${layer}-${stem})
    add_executable(${target} ${file})
    if(layer IN_LIST WRG_APP_LAYERS)
        target_link_libraries(${target} PRIVATE wrg_app)
    endif()
    target_link_libraries(${target} PRIVATE ${arg_LIBS} wrg_sim cmocka)
    target_compile_definitions(${target} PRIVATE
        WRG_SOURCE_DIR="${PROJECT_SOURCE_DIR}" WRG_BINARY_DIR="${PROJECT_BINARY_DIR}")
    add_test(NAME ${layer}.${stem} COMMAND ${target})
    set_tests_properties(${layer}.${stem} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT 240)
endfunction()
