// OPC UA's services as the client needs them: Read and Browse of many nodes, in calls no larger than the server takes.
//
// Threads: one, the link's. Errors: those that end the connection; kInvalid: the server refuses the service.
// Limits: so many references of one node; a server that goes on is not asked for more.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/opcua_client_link.hpp"
#include "connectors/opcua_client_types.hpp"
#include "core/result.hpp"

namespace millwright::connectors::opcua_detail {

// The request then owns the array.
template <typename T>
T* make_array(std::size_t n, std::size_t type) {
  auto* array = static_cast<T*>(UA_Array_new(n, &UA_TYPES[type]));
  ASSERT(array != nullptr, "out of memory");
  return array;
}

// Operations that one call may have; what the server says it takes, and less where it then refuses.
struct CallSizes {
  std::size_t read = 0;
  std::size_t browse = 0;
  std::size_t monitor = 0;
  std::size_t history = 0;
};

// A name of a path is the browse name with or without its namespace index, or the display name.
bool is_named(const UA_ReferenceDescription& reference, std::string_view name);

class Services {
 public:
  Services(Link& link, std::size_t per_call) : link_(link), sizes_{per_call, per_call, per_call, per_call} {}

  Link& link() { return link_; }
  CallSizes& sizes() { return sizes_; }

  // OPC 10000-5, 6.3.11: OperationLimits. A server that has none keeps what there is.
  core::Status learn_sizes();
  core::Result<std::vector<std::string>> namespaces();

  struct What {
    const UA_NodeId* node;
    std::uint32_t attribute;
  };
  using TakeValue = std::function<void(std::size_t index, UA_DataValue& value)>;
  core::Status read(std::span<const What> what, const TakeValue& take);

  // References of a kind and its subtypes, to node classes in `classes` (0: all).
  struct Ways {
    std::uint32_t classes = 0;
    std::uint32_t reference = 33;  // HierarchicalReferences
    bool is_inverse = false;
  };
  using TakeReference = std::function<void(std::size_t index, const UA_ReferenceDescription& reference)>;
  // A node that the server does not browse, or not to the end, and its status.
  using TakeRefusal = std::function<void(std::size_t index, UA_StatusCode why)>;
  core::Status browse(std::span<const UA_NodeId* const> nodes, const Ways& ways, const TakeReference& take,
                      const TakeRefusal& refused);

  // Whether the call that was just refused is to be tried again with fewer operations.
  bool smaller(std::size_t& size);

 private:
  template <typename Call>
  core::Status in_calls(std::size_t count, std::size_t& size, Call call);
  struct Browse;
  core::Status browse_some(std::span<const std::size_t> some, Browse& browse);
  core::Status browse_on(std::size_t index, UA_BrowseResult& first, Browse& browse);

  Link& link_;
  CallSizes sizes_;
};

}  // namespace millwright::connectors::opcua_detail
