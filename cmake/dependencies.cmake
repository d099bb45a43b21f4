# oneDNN and Eigen come from PyPI packages of the Python that runs the build, or from the system where asked for.
# The <name>_DIR below are plain variables: a cached one would outlive the build environment that pip throws away.

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

# find_package(NAME VERSION) among the system's packages; says what was refused, and why, before PyPI's is taken. The
# directories of PATH are left out: a build environment's bin is among them, and its oneDNN is PyPI's.
macro(qkdflow_find_system NAME VERSION)
  find_package(${NAME} ${VERSION} CONFIG QUIET NO_SYSTEM_ENVIRONMENT_PATH)
  if(${NAME}_FOUND)
    message(STATUS "${NAME} ${${NAME}_VERSION} of the system: ${${NAME}_DIR}")
  elseif(${NAME}_CONSIDERED_VERSIONS)
    message(WARNING "System ${NAME} ${${NAME}_CONSIDERED_VERSIONS} is refused: ${VERSION} or a compatible newer one "
                    "is needed. Using the one from PyPI.")
  else()
    message(WARNING "No system ${NAME} >= ${VERSION} found (is -DCMAKE_PREFIX_PATH set?). Using the one from PyPI.")
  endif()
endmacro()

if(QKDFLOW_SYSTEM_ONEDNN)
  qkdflow_find_system(dnnl 3.2)
endif()
if(NOT dnnl_FOUND)
  qkdflow_locate(onednn-devel-cpu-gomp dnnl-config.cmake dnnl_DIR)
  if(NOT dnnl_DIR)
    message(FATAL_ERROR "oneDNN not found. On x86-64 Linux: pip install onednn-devel-cpu-gomp==2023.2.0. "
                        "Elsewhere: install oneDNN >= 3.2 and configure with -DQKDFLOW_SYSTEM_ONEDNN=ON.")
  endif()
  find_package(dnnl 3.2 CONFIG REQUIRED NO_DEFAULT_PATH)
  qkdflow_locate(onednn-cpu-gomp THIRD-PARTY-PROGRAMS QKDFLOW_ONEDNN_NOTICES)
  set(QKDFLOW_BUNDLE_ONEDNN ON)
endif()

if(QKDFLOW_SYSTEM_EIGEN)
  qkdflow_find_system(Eigen3 3.4)
endif()
if(NOT Eigen3_FOUND)
  qkdflow_locate(cmeel-eigen Eigen3Config.cmake Eigen3_DIR)
  if(NOT Eigen3_DIR)
    message(FATAL_ERROR "Eigen not found. pip install cmeel-eigen, or install Eigen >= 3.4 and configure with "
                        "-DQKDFLOW_SYSTEM_EIGEN=ON.")
  endif()
  find_package(Eigen3 CONFIG REQUIRED NO_DEFAULT_PATH)
endif()
