# open62541, the OPC UA stack, built from Debian's source with our patches; one build for all presets.
set(OPEN62541_DIR ${CMAKE_SOURCE_DIR}/build/open62541)
file(GLOB open62541_patches CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/open62541/*.patch)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/tools/build-open62541.sh ${open62541_patches})

execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/build-open62541.sh RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "open62541 could not be built: tools/build-open62541.sh says why.")
endif()

add_library(open62541::open62541 STATIC IMPORTED)
set_target_properties(open62541::open62541 PROPERTIES
  IMPORTED_LOCATION ${OPEN62541_DIR}/lib/libopen62541.a
  INTERFACE_INCLUDE_DIRECTORIES ${OPEN62541_DIR}/include
  INTERFACE_LINK_LIBRARIES "OpenSSL::SSL;OpenSSL::Crypto;Threads::Threads;m;rt")
