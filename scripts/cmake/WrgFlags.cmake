# SPDX-License-Identifier: MIT
# Language level, warnings, sanitizers: what every file of ours is compiled with.

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
    set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g" CACHE STRING "" FORCE)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

include_directories("${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/sim")
add_compile_definitions(_GNU_SOURCE
    __XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__
    WRG_VERSION="${PROJECT_VERSION}"
    WRG_JSON=$<BOOL:${WRG_JSON}>)

if(WRG_FIBER STREQUAL "auto")
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|aarch64|arm64)$" AND
       CMAKE_SIZEOF_VOID_P EQUAL 8)
        set(WRG_FIBER asm)
    else()
        set(WRG_FIBER ucontext)
    endif()
elseif(NOT WRG_FIBER MATCHES "^(asm|ucontext)$")
    message(FATAL_ERROR "WRG_FIBER is auto, asm or ucontext, not ${WRG_FIBER}")
endif()
if(WRG_FIBER STREQUAL "ucontext")
    add_compile_definitions(WRG_FIBER_UCONTEXT)
endif()

# -Wconversion is left out: it drowns real findings in byte arithmetic. unused-parameter is off
# because vtable callbacks have fixed signatures.
set(WRG_WARNINGS
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wvla -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 -Wredundant-decls
    -Wimplicit-fallthrough -Wunused-result -Wno-unused-parameter
    -Wno-missing-field-initializers)
if(WRG_WERROR)
    list(APPEND WRG_WARNINGS -Werror)
endif()
add_compile_options("$<$<COMPILE_LANGUAGE:C>:${WRG_WARNINGS}>")
if(CMAKE_BUILD_TYPE STREQUAL Debug)
    # What is kept to save time is compared with what it stands for, each time it is used.
    add_compile_definitions(WRG_PARANOID)
endif()
if(WRG_SANITIZE)
    # Elsewhere the register is worth a few per cent.
    add_compile_options(-fno-omit-frame-pointer)
    add_compile_options(-fsanitize=${WRG_SANITIZE})
    add_link_options(-fsanitize=${WRG_SANITIZE})
    if(WRG_SANITIZE MATCHES "undefined")
        # Without it UBSan prints and goes on, and a finding counts as a pass.
        add_compile_options(-fno-sanitize-recover=undefined)
    endif()
endif()

if(CMAKE_CROSSCOMPILING)
    # A cross compiler does not look in /usr/include, and must not: only these two are wanted,
    # and they are the same for every architecture.
    file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/host-include")
    foreach(item xen xxhash.h)
        file(CREATE_LINK "/usr/include/${item}"
             "${PROJECT_BINARY_DIR}/host-include/${item}" SYMBOLIC)
    endforeach()
    include_directories(SYSTEM "${PROJECT_BINARY_DIR}/host-include")
endif()
