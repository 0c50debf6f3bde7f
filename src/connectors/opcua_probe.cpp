#include "connectors/opcua_probe.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <open62541/nodeids.h>

#include "connectors/opcua_address.hpp"
#include "connectors/opcua_client_link.hpp"
#include "connectors/opcua_client_services.hpp"
#include "connectors/opcua_client_values.hpp"
#include "connectors/opcua_type_learner.hpp"

namespace millwright::connectors {
namespace {

using namespace opcua_detail;
using core::Status;

class Prober {
 public:
  Prober(Link& link, std::size_t per_call) : services_(link, per_call) {}

  core::Result<OpcUaProbe> run(std::span<const std::string> addresses) {
    if (auto learnt = services_.learn_sizes(); !learnt) return core::unexpected(learnt.error());
    auto namespaces = services_.namespaces();
    if (!namespaces) return core::unexpected(namespaces.error());
    namespaces_ = std::move(*namespaces);
    std::vector<NodeId> ids;
    std::vector<const std::string*> of;
    for (const std::string& address : addresses) {
      auto id = resolve(address);
      if (!id) return core::unexpected(id.error());
      if (!*id) continue;
      ids.push_back(std::move(**id));
      of.push_back(&address);
    }
    std::vector<Whole> parts;
    std::vector<Services::What> what;
    for (const NodeId& id : ids) what.push_back({&*id, UA_ATTRIBUTEID_VALUE});
    const Status read = services_.read(what, [&](std::size_t i, UA_DataValue& value) {
      // A value that is bad now may be good later; a node that is not there will not come by itself.
      const UA_StatusCode code = value.hasStatus ? value.status : UA_STATUSCODE_GOOD;
      const bool is_missing = code == UA_STATUSCODE_BADNODEIDUNKNOWN || code == UA_STATUSCODE_BADNODEIDINVALID ||
                              code == UA_STATUSCODE_BADATTRIBUTEIDINVALID || code == UA_STATUSCODE_BADNOTREADABLE ||
                              code == UA_STATUSCODE_BADUSERACCESSDENIED;
      if (is_missing) {
        out_.missing.emplace_back(*of[i], UA_StatusCode_name(code));
      } else if (value.hasValue && !parse_address(*of[i])->part.empty()) {
        std::swap(*parts.emplace_back(i).value, value.value);
      } else {
        ++out_.found;
      }
    });
    if (!read) return core::unexpected(read.error());
    if (auto looked = look_into(parts, ids, of); !looked) return core::unexpected(looked.error());
    return std::move(out_);
  }

 private:
  struct Whole {  // a value of which a sensor takes a part
    explicit Whole(std::size_t i) : index(i) {}
    std::size_t index;
    Ua<UA_Variant, UA_TYPES_VARIANT> value;
  };

  // Whether the parts are there. What the structures look like is learnt on the way.
  Status look_into(const std::vector<Whole>& wholes, const std::vector<NodeId>& ids,
                   const std::vector<const std::string*>& of) {
    StructureTypes types;
    TypeLearner learner(services_, types);
    for (const Whole& whole : wholes) {
      const ValuePath path = parse_address(*of[whole.index])->part;
      UA_StatusCode code = UA_STATUSCODE_GOOD;
      for (bool goes_on = true; goes_on;) {
        Found found;
        code = find_part(*whole.value, path, types, found);
        goes_on = is_undescribed(code, found, types);
        if (!goes_on) break;
        std::vector<TypeLearner::Asked> asked(1);
        asked[0].encoding = std::move(found.unknown);
        UA_NodeId_copy(&*ids[whole.index], &*asked[0].variable);
        if (auto learnt = learner.learn(asked); !learnt) return learnt;
      }
      if (code == UA_STATUSCODE_GOOD || code == UA_STATUSCODE_BADNODATA) {
        ++out_.found;
      } else {
        out_.missing.emplace_back(*of[whole.index],
                                  fmt::format("its value has no such part: {}", UA_StatusCode_name(code)));
      }
    }
    return {};
  }

  using Children = std::map<std::string, NodeId>;

  // Nothing: it is missing, and that is noted.
  core::Result<std::optional<NodeId>> resolve(const std::string& text) {
    const auto missing = [&](std::string why) {
      out_.missing.emplace_back(text, std::move(why));
      return std::optional<NodeId>();
    };
    auto address = parse_address(text);
    if (!address) return missing(address.error().message);
    if (!address->path.empty()) return walk(text, address->path);
    if (address->namespace_uri.empty()) return std::optional(std::move(address->node));
    const auto at = std::find(namespaces_.begin(), namespaces_.end(), address->namespace_uri);
    if (at == namespaces_.end()) return missing(fmt::format("no namespace '{}'", address->namespace_uri));
    address->node->namespaceIndex = static_cast<UA_UInt16>(at - namespaces_.begin());
    return std::optional(std::move(address->node));
  }

  core::Result<std::optional<NodeId>> walk(const std::string& text, const std::vector<std::string>& path) {
    NodeId at;
    *at = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER);
    std::string way;
    for (const std::string& name : path) {
      auto children = children_of(way, at);
      if (!children) return core::unexpected(children.error());
      const auto found = (*children)->find(name);
      if (found == (*children)->end()) {
        const auto unseen = unseen_.find(way);
        out_.missing.emplace_back(text, unseen == unseen_.end()
                                            ? fmt::format("there is no '{}'", name)
                                            : fmt::format("the server does not show what is in '{}': {}", way,
                                                          UA_StatusCode_name(unseen->second)));
        return std::optional<NodeId>();
      }
      UA_NodeId_clear(&*at);
      UA_NodeId_copy(&*found->second, &*at);
      way += "/" + name;
    }
    return std::optional(std::move(at));
  }

  core::Result<const Children*> children_of(const std::string& way, const NodeId& node) {
    const auto [entry, is_new] = known_.try_emplace(way);
    Children& children = entry->second;
    if (!is_new) return &children;
    const UA_NodeId* id = &*node;
    const Status browsed = services_.browse(
        std::span(&id, 1), {},
        [&](std::size_t, const UA_ReferenceDescription& reference) {
          const std::string_view name = view(reference.browseName.name);
          for (const std::string& each : {std::string(name), std::string(view(reference.displayName.text)),
                                          fmt::format("{}:{}", reference.browseName.namespaceIndex, name)}) {
            NodeId copied;
            UA_NodeId_copy(&reference.nodeId.nodeId, &*copied);
            children.try_emplace(each, std::move(copied));
          }
        },
        [&](std::size_t, UA_StatusCode why) { unseen_[way] = why; });
    if (!browsed) return core::unexpected(browsed.error());
    return &children;
  }

  Services services_;
  std::vector<std::string> namespaces_;
  std::map<std::string, Children> known_;
  std::map<std::string, UA_StatusCode> unseen_;  // ways that the server does not show, or not to the end
  OpcUaProbe out_;
};

}  // namespace

core::Result<OpcUaProbe> probe_opcua(const OpcUaClientOptions& options, const std::string& endpoint,
                                     security::CertificateStore* certificates, const io::Clock& clock,
                                     std::span<const std::string> addresses) {
  NoSink sink;
  const std::atomic<bool> stop{false};
  auto link = Link::open(options, endpoint, certificates, "doctor", clock, stop, sink);
  if (!link) return core::unexpected(link.error());
  return Prober(**link, options.items_per_call).run(addresses);
}

}  // namespace millwright::connectors
