# Included by CMake when ggml's own project begins: its kernels are all that needs optimising. The rest
# of llama.cpp is built at -O1 (build_worker.sh), which halves the build and costs no measurable speed.
set(CMAKE_C_FLAGS_RELEASE "-O3 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")
