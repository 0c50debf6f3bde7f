# OPC Foundation's companion nodesets for the OPC UA server, from npm; tools/nodesets pins them. They are read when the
# server starts: where they could not be had, it runs without them, and says so.
set(NODESETS_DIR ${CMAKE_SOURCE_DIR}/tools/nodesets)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${NODESETS_DIR}/package-lock.json)

if(NOT ${NODESETS_DIR}/node_modules/.package-lock.json IS_NEWER_THAN ${NODESETS_DIR}/package-lock.json
   OR NOT EXISTS ${NODESETS_DIR}/node_modules/node-opcua-nodesets/nodesets)
  message(STATUS "Fetching the OPC UA nodesets")
  execute_process(COMMAND npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    WORKING_DIRECTORY ${NODESETS_DIR} RESULT_VARIABLE failed)
  if(failed)
    message(WARNING "The OPC UA nodesets could not be fetched: `npm ci --ignore-scripts` in ${NODESETS_DIR} failed "
      "(${failed}). The OPC UA server will run without OPC 40001-1's types.")
  else()
    file(TOUCH ${NODESETS_DIR}/node_modules/.package-lock.json)
  endif()
endif()
