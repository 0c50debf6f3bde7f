# Everything from outside, by one name each. All are Debian packages (tools/install-deps.sh).
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(restinio REQUIRED)
pkg_check_modules(yaml-cpp REQUIRED IMPORTED_TARGET yaml-cpp)
pkg_check_modules(open62541 REQUIRED IMPORTED_TARGET open62541>=1.4)
pkg_check_modules(prometheus-cpp REQUIRED IMPORTED_TARGET prometheus-cpp-core)


if(MILLWRIGHT_TESTS)
  find_package(GTest REQUIRED)
endif()
if(MILLWRIGHT_BENCH)
  find_package(benchmark REQUIRED)
endif()
