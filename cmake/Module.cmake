# module(<name> LAYER <n> DEPS <lower modules> LIBS <outside libraries>)
#
# A folder of src/ as one static library `millwright_<name>`. It sees only the include roots of the modules in DEPS:
# build/include/<m>/<m> is a link to src/<m>, so `#include "api/…"` from a module that did not declare `api` does not
# compile. A dependency on the same or a higher layer stops the configuration. Nothing is inherited: a module declares
# every module whose headers it sees, also through another's header.
#
# Sources are src/<name>/*.cpp; tests are src/<name>/tests/*_test.cpp, with what they share in test_*.cpp, one program `test_<name>`.

set(MILLWRIGHT_INCLUDE_ROOT ${CMAKE_BINARY_DIR}/include)
set_property(GLOBAL PROPERTY MILLWRIGHT_MODULES "")

# The include root of one module: a folder that holds nothing but the link to it.
function(module_include_root name source_dir)
  file(MAKE_DIRECTORY ${MILLWRIGHT_INCLUDE_ROOT}/${name})
  file(CREATE_LINK ${source_dir} ${MILLWRIGHT_INCLUDE_ROOT}/${name}/${name} SYMBOLIC)
endfunction()

# Lets `target` include and link the named modules, and no others.
function(use_modules target)
  foreach(dep IN LISTS ARGN)
    target_include_directories(${target} PRIVATE ${MILLWRIGHT_INCLUDE_ROOT}/${dep})
    target_link_libraries(${target} PRIVATE millwright_${dep})
  endforeach()
endfunction()

function(module name)
  cmake_parse_arguments(M "" "LAYER" "DEPS;LIBS" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/src/${name})
  set(target millwright_${name})

  foreach(dep IN LISTS M_DEPS)
    if(NOT TARGET millwright_${dep})
      message(FATAL_ERROR "module ${name}: depends on '${dep}', which is not declared before it")
    endif()
    get_target_property(dep_layer millwright_${dep} MILLWRIGHT_LAYER)
    if(NOT dep_layer LESS M_LAYER)
      message(FATAL_ERROR "module ${name} (layer ${M_LAYER}) may not depend on ${dep} (layer ${dep_layer}): only on lower layers")
    endif()
  endforeach()

  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  file(GLOB headers CONFIGURE_DEPENDS ${dir}/*.hpp)
  module_include_root(${name} ${dir})

  add_library(${target} STATIC ${sources})
  set_target_properties(${target} PROPERTIES MILLWRIGHT_LAYER ${M_LAYER} MILLWRIGHT_DEPS "${M_DEPS}")
  target_link_libraries(${target} PRIVATE millwright_flags PUBLIC ${M_LIBS} Threads::Threads)
  target_include_directories(${target} PRIVATE ${MILLWRIGHT_INCLUDE_ROOT}/${name})
  use_modules(${target} ${M_DEPS})
  set_property(GLOBAL APPEND PROPERTY MILLWRIGHT_MODULES ${name})

  if(MILLWRIGHT_TESTS)
    module_tests(${name})
    # Once is enough: with the sanitizers' build of the tests.
    if(MILLWRIGHT_SANITIZE MATCHES address)
      header_check(${name} ${headers})
    endif()
  endif()
endfunction()

# test_<name>: every src/<name>/tests/*_test.cpp and test_*.cpp. Tests see what the module sees.
function(module_tests name)
  set(folder ${CMAKE_SOURCE_DIR}/src/${name}/tests)
  file(GLOB tests CONFIGURE_DEPENDS ${folder}/*_test.cpp ${folder}/test_*.cpp)
  if(NOT tests)
    message(FATAL_ERROR "module ${name} has no tests in src/${name}/tests")
  endif()
  get_target_property(deps millwright_${name} MILLWRIGHT_DEPS)
  test_program(test_${name} ${name} "${deps}" ${tests})
endfunction()

# One GoogleTest program for the tests of a module or part.
function(test_program target name deps)
  add_executable(${target} ${ARGN})
  use_modules(${target} ${name} ${deps})
  target_link_libraries(${target} PRIVATE millwright_flags GTest::gmock_main)
  # To those alone that use it: with it, what one checkout has compiled is of no use to ccache in another.
  foreach(source IN LISTS ARGN)
    file(STRINGS ${source} uses REGEX "MILLWRIGHT_SOURCE_DIR" LIMIT_COUNT 1)
    if(uses)
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_DEFINITIONS MILLWRIGHT_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    endif()
  endforeach()
  add_test(NAME unit.${name} COMMAND ${target} --gtest_brief=1)
  set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 900)
endfunction()

# Every public header compiles alone: one object per header that includes nothing else. A header that its own source
# includes before anything else is compiled alone already.
function(header_check name)
  set(units "")
  foreach(header IN LISTS ARGN)
    get_filename_component(base ${header} NAME)
    string(REGEX REPLACE "[.]hpp$" ".cpp" source ${header})
    if(EXISTS ${source})
      file(STRINGS ${source} first REGEX "^#include" LIMIT_COUNT 1)
      if(first STREQUAL "#include \"${name}/${base}\"")
        continue()
      endif()
    endif()
    set(unit ${CMAKE_BINARY_DIR}/header-check/${name}/${base}.cpp)
    file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${name}/${base}\"\n#include \"${name}/${base}\"\n")
    list(APPEND units ${unit})
  endforeach()
  if(units)
    get_target_property(deps millwright_${name} MILLWRIGHT_DEPS)
    add_library(headers_${name} OBJECT ${units})
    target_link_libraries(headers_${name} PRIVATE millwright_flags)
    target_compile_options(headers_${name} PRIVATE -O0 -g0 -fno-sanitize=all)  # they are never run
    use_modules(headers_${name} ${name} ${deps})
  endif()
endfunction()

# part(<name> DEPS <modules> LIBS <outside libraries>): a folder of apps/ as a library `millwright_<name>`, included as
# "<name>/…", with its tests beside it. Parts sit above every module.
function(part name)
  cmake_parse_arguments(P "" "" "DEPS;LIBS" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/apps/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  module_include_root(${name} ${dir})
  add_library(millwright_${name} STATIC ${sources})
  set_target_properties(millwright_${name} PROPERTIES MILLWRIGHT_LAYER 6 MILLWRIGHT_DEPS "${P_DEPS}")
  target_include_directories(millwright_${name} PRIVATE ${MILLWRIGHT_INCLUDE_ROOT}/${name})
  target_link_libraries(millwright_${name} PRIVATE millwright_flags PUBLIC ${P_LIBS} Threads::Threads)
  use_modules(millwright_${name} ${P_DEPS})
  if(MILLWRIGHT_TESTS)
    file(GLOB tests CONFIGURE_DEPENDS ${dir}/tests/*_test.cpp)
    test_program(test_${name} ${name} "${P_DEPS}" ${tests})
  endif()
endfunction()
