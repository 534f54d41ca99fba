# The compiler, the warnings and the sanitizers, in one place.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR
    "Proviso needs clang 19 (Debian: apt-get install clang-19), configured by a preset: "
    "cmake --preset release. g++ 12 destroys some temporaries twice in coroutines.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(PV_CCACHE ccache)
if(PV_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PV_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${PV_CCACHE})
endif()
find_program(PV_MOLD mold)
if(PV_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(PV_SANITIZE "" CACHE STRING "comma-separated sanitizers: address,undefined or thread")
option(PV_FUZZ "build libFuzzer targets instead of corpus replay" OFF)
if(PV_SANITIZE)
  add_compile_options(-fsanitize=${PV_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${PV_SANITIZE})
  if(PV_SANITIZE MATCHES "undefined")
    # UBSan's function check and coroutines fail together in the assembler.
    add_compile_options(-fno-sanitize=function)
  endif()
endif()
if(PV_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Warnings are for our own code; libraries come in as SYSTEM.
add_library(pv_warnings INTERFACE)
target_compile_options(pv_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror>)

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(fmt REQUIRED)
find_package(simdjson REQUIRED)
find_package(GTest)  # without it everything but the tests is built: ./run needs none
