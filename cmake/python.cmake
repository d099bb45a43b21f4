# _core: the extension module, with libdnnl beside it.
if(NOT Python_Development.Module_FOUND)
  message(FATAL_ERROR "Python.h of ${Python_EXECUTABLE} (${Python_VERSION}) not found. Debian: apt-get install python3-dev")
endif()
qkdflow_locate(pybind11 pybind11Config.cmake pybind11_DIR)
find_package(pybind11 2.13 CONFIG REQUIRED)
file(GLOB bind_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cpp/bind/*.cpp)
pybind11_add_module(_core NO_EXTRAS ${bind_sources})
target_link_libraries(_core PRIVATE qkdflow_core)
target_compile_options(_core PRIVATE ${QKDFLOW_WARNINGS})

if(QKDFLOW_BUNDLE_ONEDNN)
  get_target_property(dnnl_file DNNL::dnnl IMPORTED_LOCATION_RELEASE)
  if(NOT dnnl_file)
    get_target_property(dnnl_file DNNL::dnnl IMPORTED_LOCATION)
  endif()
  install(FILES ${dnnl_file} DESTINATION qkdflow RENAME libdnnl.so.3 COMPONENT python)
  install(FILES ${QKDFLOW_ONEDNN_NOTICES}/LICENSE ${QKDFLOW_ONEDNN_NOTICES}/THIRD-PARTY-PROGRAMS
          DESTINATION qkdflow/licenses/onednn COMPONENT python)
  # The symbols strip removes are 10 of its 55 MB.
  find_program(STRIP_TOOL NAMES strip)
  if(STRIP_TOOL)
    install(CODE "execute_process(COMMAND \"${STRIP_TOOL}\" --strip-unneeded \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/qkdflow/libdnnl.so.3\")"
            COMPONENT python)
  endif()
  # RPATH, not RUNPATH: a foreign libdnnl.so.3 on LD_LIBRARY_PATH must not shadow ours.
  set_target_properties(_core PROPERTIES INSTALL_RPATH "$ORIGIN")
  target_link_options(_core PRIVATE -Wl,--disable-new-dtags)
endif()
qkdflow_locate(pybind11 LICENSE pybind11_notices)
if(pybind11_notices)
  install(FILES ${pybind11_notices}/LICENSE DESTINATION qkdflow/licenses/pybind11 COMPONENT python)
endif()
install(TARGETS _core DESTINATION qkdflow COMPONENT python)
# What Vivado and Vitis read: templates of scripts, wrapper and firmware.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/hls/ DESTINATION qkdflow/hls COMPONENT python)
