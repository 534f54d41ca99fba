# One call makes a room: its library, its tests, its fuzz targets.
#
#   pv_room(ledger
#     SOURCES log.cc tiles.cc          # in src/ledger
#     DEPS    base                     # rooms below, the only ones it may include
#     LIBS    OpenSSL::Crypto          # libraries from outside
#     TESTS   log_test.cc              # in tests/ledger
#     PROGRAMS PV_TOOL=proviso-tool    # that the tests start: a macro with the path of each
#     FUZZ    frame)                   # fuzz/ledger_frame.cc with fuzz/corpus/ledger_frame/
#
# Without PV_FUZZ a fuzz target is linked with a small main that replays its corpus as a test.
include(GoogleTest)

function(pv_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPS;LIBS;TESTS;FUZZ;TEST_DEPS;PROGRAMS" ${ARGN})
  set(lib pv_${name})
  add_library(${lib} STATIC ${ROOM_SOURCES})
  target_include_directories(${lib} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM ROOM_DEPS PREPEND pv_ OUTPUT_VARIABLE deps)
  target_link_libraries(${lib} PUBLIC ${deps} ${ROOM_LIBS} PRIVATE pv_warnings)

  if(ROOM_TESTS AND GTest_FOUND)
    list(TRANSFORM ROOM_TESTS PREPEND ${PROJECT_SOURCE_DIR}/tests/${name}/ OUTPUT_VARIABLE tests)
    list(TRANSFORM ROOM_TEST_DEPS PREPEND pv_ OUTPUT_VARIABLE test_deps)
    add_executable(test_${name} ${tests})
    target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_compile_definitions(test_${name} PRIVATE PV_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    target_link_libraries(test_${name} PRIVATE ${lib} ${test_deps} pv_warnings GTest::gtest_main)
    foreach(program ${ROOM_PROGRAMS})
      string(REPLACE "=" ";" program ${program})
      list(GET program 0 macro)
      list(GET program 1 target)
      target_compile_definitions(test_${name} PRIVATE ${macro}="$<TARGET_FILE:${target}>")
      add_dependencies(test_${name} ${target})
    endforeach()
    add_test(NAME ${name} COMMAND test_${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  endif()

  foreach(target ${ROOM_FUZZ})
    set(exe fuzz_${name}_${target})
    add_executable(${exe} ${PROJECT_SOURCE_DIR}/fuzz/${name}_${target}.cc)
    target_link_libraries(${exe} PRIVATE ${lib} pv_warnings)
    if(PV_FUZZ)
      target_link_options(${exe} PRIVATE -fsanitize=fuzzer)
    else()
      target_sources(${exe} PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/replay_main.cc)
    endif()
    add_test(NAME ${exe}
      COMMAND ${exe} ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name}_${target})
  endforeach()
endfunction()
