# oneDNN and Eigen come from PyPI packages of the Python that runs the build, or from the system where asked for.

# The directory of FILE inside the installed distribution DIST: pip puts headers and CMake files at the prefix
# root, which differs between virtual environments, Debian's Python and build isolation, so ask the metadata.
function(qkdflow_locate DIST FILE RESULT)
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c
      "import importlib.metadata as m, sys; d = m.distribution(sys.argv[1]); print(next((d.locate_file(f).resolve().parent.as_posix() for f in d.files or [] if f.name == sys.argv[2]), ''))"
      ${DIST} ${FILE}
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(${RESULT} "${found}" PARENT_SCOPE)
endfunction()

if(QKDFLOW_SYSTEM_ONEDNN)
  find_package(dnnl 3.2 CONFIG QUIET)
endif()
if(NOT dnnl_FOUND)
  qkdflow_locate(onednn-devel-cpu-gomp dnnl-config.cmake dnnl_dir)
  if(NOT dnnl_dir)
    message(FATAL_ERROR "oneDNN not found. On x86-64 Linux: pip install onednn-devel-cpu-gomp==2023.2.0. "
                        "Elsewhere: install oneDNN >= 3.2 and configure with -DQKDFLOW_SYSTEM_ONEDNN=ON.")
  endif()
  find_package(dnnl 3.2 CONFIG REQUIRED PATHS ${dnnl_dir} NO_DEFAULT_PATH)
  set(QKDFLOW_BUNDLE_ONEDNN ON)
endif()

if(QKDFLOW_SYSTEM_EIGEN)
  find_package(Eigen3 3.4 CONFIG QUIET)
endif()
if(NOT TARGET Eigen3::Eigen)
  qkdflow_locate(cmeel-eigen Eigen3Config.cmake eigen_dir)
  if(NOT eigen_dir)
    message(FATAL_ERROR "Eigen not found. pip install cmeel-eigen, or install Eigen >= 3.4 and configure with "
                        "-DQKDFLOW_SYSTEM_EIGEN=ON.")
  endif()
  find_package(Eigen3 CONFIG REQUIRED PATHS ${eigen_dir} NO_DEFAULT_PATH)
endif()
