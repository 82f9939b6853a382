# SPDX-License-Identifier: MIT
# Style as tests, label tidy. 3 = the tool is missing: skipped here, a failure in CI.
# clang-tidy takes minutes: ctest -C slow, or scripts/test --all.
if(NOT WRG_TESTS)
    return()
endif()

function(wrg_tidy_test name)
    add_test(NAME tidy.${name} ${ARGN} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(tidy.${name} PROPERTIES LABELS tidy SKIP_RETURN_CODE 3 TIMEOUT 600)
endfunction()

set(dir "${PROJECT_SOURCE_DIR}/scripts")
wrg_tidy_test(layers COMMAND ${dir}/check-layers)
wrg_tidy_test(layers_self_test COMMAND ${dir}/check-layers --self-test)
wrg_tidy_test(style COMMAND ${dir}/check-style)
wrg_tidy_test(corpus COMMAND ${dir}/check-corpus)
wrg_tidy_test(corpus_self_test COMMAND ${dir}/check-corpus --self-test)
wrg_tidy_test(conformance COMMAND ${dir}/check-conformance)
wrg_tidy_test(conformance_self_test COMMAND ${dir}/check-conformance --self-test)
wrg_tidy_test(format COMMAND ${dir}/check-format c)
wrg_tidy_test(shell COMMAND ${dir}/check-format shell)
wrg_tidy_test(clang_tidy CONFIGURATIONS slow
              COMMAND ${dir}/check-format tidy ${PROJECT_BINARY_DIR})
