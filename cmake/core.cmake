# qkdflow_core: the engine, a static library without a Python header.
file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cpp/*.cpp)
list(FILTER core_sources EXCLUDE REGEX "/cpp/bind/")

add_library(qkdflow_core STATIC ${core_sources})
target_include_directories(qkdflow_core PUBLIC ${CMAKE_SOURCE_DIR}/cpp)
target_link_libraries(qkdflow_core PUBLIC DNNL::dnnl Eigen3::Eigen)
# Eigen works on the caller's thread: its matrices here are small, and two thread pools get in each other's way.
target_compile_definitions(qkdflow_core PUBLIC EIGEN_DONT_PARALLELIZE)
target_compile_options(qkdflow_core PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
# Vector loops may assume that nobody reads errno or traps on floating-point flags; values are untouched by both.
target_compile_options(qkdflow_core PRIVATE -fno-math-errno -fno-trapping-math)
