// What the commands below `millwright opcua` share.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "security/certificate_store.hpp"

namespace millwright::app {

// Where the plant's certificates are.
struct StorePlace {
  std::string plant = "plant.yaml";
  std::string data;  // instead of the plant's file
};
void add_place(CLI::App* sub, const std::shared_ptr<StorePlace>& place);
// Runs `use` with the plant's certificates.
int with_store(const StorePlace& place, const std::function<int(security::CertificateStore&)>& use);

void add_opcua_browse(CLI::App& opcua, const SetCommand& set);
void add_opcua_discover(CLI::App& opcua, const SetCommand& set);
void add_opcua_import(CLI::App& opcua, const SetCommand& set);

}  // namespace millwright::app
