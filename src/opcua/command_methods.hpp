// The commands of the asset model as methods of their machines: "set-speed" of pump-1 is a method of the node pump-1,
// with the arguments' types, units and ranges in their descriptions, and the source's answer as its output. Only who
// has logged in, and has the command's right, may call one; every call is audited.
//
// A call is answered in the server's thread: it waits at most kCommandTimeout for the source, and other clients with
// it.
//
// Threads: build() before the server runs; the rest comes in its thread. It must outlive the UA_Server.
#pragma once

#include <deque>

#include "asset/commands.hpp"
#include "core/time.hpp"
#include "opcua/node_builder.hpp"
#include "opcua/session_user.hpp"

struct UA_Server;

namespace millwright::opcua {

inline constexpr core::DurationNs kCommandTimeout = core::kSecond;

class CommandMethods {
 public:
  // Without `commands` there are no methods.
  CommandMethods(const asset::Model& model, asset::Commands* commands, MayAct may_act)
      : model_(model), commands_(commands), may_act_(std::move(may_act)) {}
  CommandMethods(const CommandMethods&) = delete;
  CommandMethods& operator=(const CommandMethods&) = delete;

  core::Status build(UA_Server* server, std::uint16_t plant_namespace);

 private:
  struct Method {
    CommandMethods* owner;
    const asset::Machine* machine;
    const asset::Command* command;
  };
  void add(const asset::Machine& machine, const asset::Command& command);
  static UA_StatusCode call(UA_Server*, const UA_NodeId*, void* session, const UA_NodeId*, void* context,
                            const UA_NodeId*, void*, std::size_t n, const UA_Variant* input, std::size_t,
                            UA_Variant* output);
  [[nodiscard]] UA_StatusCode give(const Method& method, const std::string& user, std::span<const UA_Variant> input,
                                   UA_Variant* output) const;

  const asset::Model& model_;
  asset::Commands* const commands_;
  const MayAct may_act_;
  NodeBuilder nodes_;
  std::deque<Method> methods_;  // node contexts point here
};

}  // namespace millwright::opcua
