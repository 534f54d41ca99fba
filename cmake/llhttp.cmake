# llhttp 9.4.3, generated C, from the source package that tools/fetch_sources.sh keeps in the cache.
set(PV_LLHTTP_DIR "$ENV{PROVISO_CACHE}/llhttp" CACHE PATH "llhttp with include/ and src/")
if(NOT EXISTS ${PV_LLHTTP_DIR}/src/llhttp.c)
  set(PV_LLHTTP_DIR "$ENV{HOME}/.cache/proviso/llhttp" CACHE PATH "" FORCE)
endif()
if(NOT EXISTS ${PV_LLHTTP_DIR}/src/llhttp.c)
  message(FATAL_ERROR "llhttp is not in the cache: run tools/fetch_sources.sh first")
endif()
add_library(llhttp STATIC
  ${PV_LLHTTP_DIR}/src/api.c ${PV_LLHTTP_DIR}/src/http.c ${PV_LLHTTP_DIR}/src/llhttp.c)
target_include_directories(llhttp SYSTEM PUBLIC ${PV_LLHTTP_DIR}/include)
target_compile_options(llhttp PRIVATE -O2 -w)
