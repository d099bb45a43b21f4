# qkdflow_core: the engine, a static library without a Python header.
file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cpp/*.cpp)
list(FILTER core_sources EXCLUDE REGEX "/cpp/bind/")

add_library(qkdflow_core STATIC ${core_sources})
target_include_directories(qkdflow_core PUBLIC ${CMAKE_SOURCE_DIR}/cpp)
target_link_libraries(qkdflow_core PUBLIC DNNL::dnnl Eigen3::Eigen)
target_compile_definitions(qkdflow_core PUBLIC EIGEN_MPL2_ONLY)  # NOTICE names that licence alone
set(QKDFLOW_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
target_compile_options(qkdflow_core PRIVATE ${QKDFLOW_WARNINGS})
# Vector loops may assume that nobody reads errno or traps on floating-point flags; values are untouched by both.
target_compile_options(qkdflow_core PRIVATE -fno-math-errno -fno-trapping-math)
