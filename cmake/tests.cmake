# qkdflow_tests: the C++ tests, one ctest entry a file.
find_package(Catch2 QUIET)
if(NOT Catch2_FOUND)
  message(FATAL_ERROR "Catch2 not found. Debian: apt-get install catch2; "
                      "elsewhere: Catch2 2.13 or 3 on CMAKE_PREFIX_PATH.")
endif()
file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/cpp/*.cpp)
add_executable(qkdflow_tests ${test_sources})
target_include_directories(qkdflow_tests PRIVATE ${CMAKE_SOURCE_DIR}/tests/cpp)
if(Catch2_VERSION VERSION_GREATER_EQUAL 3)
  target_link_libraries(qkdflow_tests PRIVATE qkdflow_core Catch2::Catch2WithMain)
else()
  target_compile_definitions(qkdflow_tests PRIVATE QKDFLOW_CATCH2_V2)
  target_link_libraries(qkdflow_tests PRIVATE qkdflow_core Catch2::Catch2)
endif()
target_compile_options(qkdflow_tests PRIVATE -Wall -Wextra)
# Catch2 2.13's own main takes minutes with a sanitizer, and nobody looks for faults there.
set_source_files_properties(${CMAKE_SOURCE_DIR}/tests/cpp/main.cpp PROPERTIES
                            COMPILE_OPTIONS "-O0;-fno-sanitize=all" SKIP_PRECOMPILE_HEADERS ON)
target_precompile_headers(qkdflow_tests PRIVATE ${CMAKE_SOURCE_DIR}/tests/cpp/catch.h)

# Selected by file (-# makes the file's name a tag) and not by test case as catch_discover_tests does: Catch2 2.13
# loses test cases whose names hold brackets. A file without a test case fails.
foreach(source IN LISTS test_sources)
  file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR}/tests/cpp ${source})
  string(REGEX REPLACE "\\.cpp$" "" name ${name})
  get_filename_component(file_tag ${source} NAME_WE)
  if(NOT name STREQUAL "main")
    add_test(NAME cpp/${name} COMMAND qkdflow_tests -\# "[\#${file_tag}]" --warn NoTests)
  endif()
endforeach()
# What starts threads, whatever its file: tests/sanitize tsan threads.
add_test(NAME threads COMMAND qkdflow_tests "[threads]" --warn NoTests)
