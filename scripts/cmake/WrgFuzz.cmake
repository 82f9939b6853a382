# SPDX-License-Identifier: MIT
# Fuzz targets.
#
#   wrg_fuzz_target(<target> SOURCES ... MUTATOR ... UNDER_TEST <layers...> [LIBS ...])
#
# With WRG_FUZZ: fuzz-<target>, libFuzzer with ASan. Only the layers named under test are
# instrumented; everything else is the plain -O2 object, because coverage and UBSan of the simulator
# would cost more than the driver itself.
# Always: replay-<target>, a replayer of files, from the same SOURCES and fuzz/replay_main.c; with
# WRG_FUZZ its layers under test are the instrumented ones, so that it shows what sanitizers say.

# trace-cmp costs more than it finds when inputs are built of typed ops; stack-depth stores on
# every call. The checks left out of UBSan fire on each access of a packed shared structure.
set(WRG_UNDER_TEST_FLAGS
    -fsanitize=address,undefined
    -fno-sanitize=alignment,null,object-size,pointer-overflow
    -fno-sanitize-recover=undefined
    -fsanitize=fuzzer-no-link
    -fno-sanitize-coverage=trace-cmp,stack-depth)

# wrg_<layer>_cov: the layer compiled again for the targets that have it under test.
function(wrg_instrumented_layer layer)
    if(TARGET wrg_${layer}_cov)
        return()
    endif()
    get_property(sources GLOBAL PROPERTY WRG_SOURCES_${layer})
    add_library(wrg_${layer}_cov OBJECT ${sources})
    target_compile_options(wrg_${layer}_cov PRIVATE ${WRG_UNDER_TEST_FLAGS})
endfunction()

function(wrg_link_layers program)
    wrg_layers_present(present ${WRG_LAYERS})
    foreach(layer IN LISTS present)
        if(layer IN_LIST ARGN)
            wrg_instrumented_layer(${layer})
            target_sources(${program} PRIVATE $<TARGET_OBJECTS:wrg_${layer}_cov>)
        else()
            target_sources(${program} PRIVATE $<TARGET_OBJECTS:wrg_${layer}>)
        endif()
    endforeach()
endfunction()

function(wrg_fuzz_target target)
    cmake_parse_arguments(arg "" "" "SOURCES;MUTATOR;UNDER_TEST;LIBS" ${ARGN})
    foreach(layer IN LISTS arg_UNDER_TEST)
        if(NOT layer IN_LIST WRG_LAYERS)
            message(FATAL_ERROR "wrg_fuzz_target(${target}): no layer '${layer}'")
        endif()
    endforeach()

    set(definition WRG_FUZZ_TARGET="${target}")
    add_executable(replay-${target} ${arg_SOURCES} "${PROJECT_SOURCE_DIR}/fuzz/replay_main.c")
    target_compile_definitions(replay-${target} PRIVATE ${definition})
    set_target_properties(replay-${target} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
    if(NOT WRG_FUZZ)
        target_link_libraries(replay-${target} PRIVATE ${arg_LIBS} wrg_sim)
        return()
    endif()
    wrg_link_layers(replay-${target} ${arg_UNDER_TEST})
    target_link_options(replay-${target} PRIVATE -fsanitize=address,undefined)
    target_link_libraries(replay-${target} PRIVATE ${arg_LIBS} Threads::Threads)

    add_executable(fuzz-${target} ${arg_SOURCES} ${arg_MUTATOR})
    target_compile_definitions(fuzz-${target} PRIVATE ${definition})
    set_target_properties(fuzz-${target} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
    wrg_link_layers(fuzz-${target} ${arg_UNDER_TEST})
    target_link_options(fuzz-${target} PRIVATE -fsanitize=fuzzer,address,undefined)
    target_link_libraries(fuzz-${target} PRIVATE ${arg_LIBS} Threads::Threads)

    add_test(NAME fuzz.smoke.${target} COMMAND fuzz-${target} -runs=2000 -seed=1 -timeout=20)
    set_tests_properties(fuzz.smoke.${target} PROPERTIES LABELS smoke TIMEOUT 120)
    add_test(NAME fuzz.instrumented.${target}
             COMMAND "${PROJECT_SOURCE_DIR}/scripts/check-instrumented" $<TARGET_FILE:fuzz-${target}>
                     "${PROJECT_BINARY_DIR}" ${arg_UNDER_TEST})
    set_tests_properties(fuzz.instrumented.${target} PROPERTIES LABELS smoke)
endfunction()
