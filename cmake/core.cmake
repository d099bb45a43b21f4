# qkdflow_core: the engine, a static library without a Python header.
file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cpp/*.cpp)
list(FILTER core_sources EXCLUDE REGEX "/cpp/bind/")

add_library(qkdflow_core STATIC ${core_sources})
target_include_directories(qkdflow_core PUBLIC ${CMAKE_SOURCE_DIR}/cpp)
target_link_libraries(qkdflow_core PUBLIC DNNL::dnnl Eigen3::Eigen)
# NOTICE names that licence alone. Eigen works on the caller's thread: its matrices here are small, and two thread
# pools get in each other's way.
target_compile_definitions(qkdflow_core PUBLIC EIGEN_MPL2_ONLY EIGEN_DONT_PARALLELIZE)
set(QKDFLOW_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
target_compile_options(qkdflow_core PRIVATE ${QKDFLOW_WARNINGS})
# Vector loops may assume that nobody reads errno or traps on floating-point flags; values are untouched by both.
target_compile_options(qkdflow_core PRIVATE -fno-math-errno -fno-trapping-math)

# The vector kernels are compiled once for each x86-64 level; kernels.cpp picks one at run time. Elsewhere v2.cpp is
# built for the plain target. Multiply and add are fused where the level has it, so that v3 and v4 agree bit for bit.
set(simd ${CMAKE_SOURCE_DIR}/cpp/base/simd)
set(kernel_flags -O3 -ffp-contract=fast)
set(algebra_flags -O3 -ffp-contract=off)  # there every fused product is written
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_definitions(qkdflow_core PRIVATE QKDFLOW_X86_LEVELS)
  set_source_files_properties(${simd}/v2.cpp PROPERTIES COMPILE_OPTIONS "${kernel_flags};-march=x86-64-v2")
  set_source_files_properties(${simd}/algebra_v2.cpp PROPERTIES COMPILE_OPTIONS "${algebra_flags};-march=x86-64-v2")
  set_source_files_properties(${simd}/v3.cpp PROPERTIES COMPILE_OPTIONS "${kernel_flags};-march=x86-64-v3")
  set_source_files_properties(${simd}/algebra_v3.cpp PROPERTIES COMPILE_OPTIONS "${algebra_flags};-march=x86-64-v3")
  set_source_files_properties(${simd}/v4.cpp PROPERTIES COMPILE_OPTIONS "${kernel_flags};-march=x86-64-v4;-mprefer-vector-width=512")
  set_source_files_properties(${simd}/algebra_v4.cpp PROPERTIES COMPILE_OPTIONS "${algebra_flags};-march=x86-64-v4;-mprefer-vector-width=512")
else()
  set_source_files_properties(${simd}/v2.cpp PROPERTIES COMPILE_OPTIONS "${kernel_flags}")
  set_source_files_properties(${simd}/algebra_v2.cpp PROPERTIES COMPILE_OPTIONS "${algebra_flags}")
  set_source_files_properties(${simd}/v3.cpp ${simd}/v4.cpp ${simd}/algebra_v3.cpp ${simd}/algebra_v4.cpp
                              PROPERTIES HEADER_FILE_ONLY ON)
endif()

# oneDNN's threads are OpenMP's; without it set_threads changes nothing.
find_package(OpenMP COMPONENTS CXX)
if(OpenMP_CXX_FOUND)
  target_link_libraries(qkdflow_core PRIVATE OpenMP::OpenMP_CXX)
  target_compile_definitions(qkdflow_core PRIVATE QKDFLOW_OPENMP)
endif()
