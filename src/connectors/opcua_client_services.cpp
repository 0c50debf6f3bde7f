#include "connectors/opcua_client_services.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <open62541/nodeids.h>

#include "core/log.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

using core::ErrorCode;
using core::Status;

constexpr std::size_t kReferencesPerCall = 5000;  // what an answer may hold, of all its nodes
constexpr int kPagesMax = 10'000;

using ReadRequest = Ua<UA_ReadRequest, UA_TYPES_READREQUEST>;
using ReadResponse = Ua<UA_ReadResponse, UA_TYPES_READRESPONSE>;
using BrowseRequest = Ua<UA_BrowseRequest, UA_TYPES_BROWSEREQUEST>;
using BrowseResponse = Ua<UA_BrowseResponse, UA_TYPES_BROWSERESPONSE>;
using BrowseNextRequest = Ua<UA_BrowseNextRequest, UA_TYPES_BROWSENEXTREQUEST>;
using Reference = Ua<UA_ReferenceDescription, UA_TYPES_REFERENCEDESCRIPTION>;
using BrowseNextResponse = Ua<UA_BrowseNextResponse, UA_TYPES_BROWSENEXTRESPONSE>;

}  // namespace

bool Services::smaller(std::size_t& size) {
  const UA_StatusCode code = link_.last_result();
  const bool too_much = code == UA_STATUSCODE_BADTOOMANYOPERATIONS || code == UA_STATUSCODE_BADREQUESTTOOLARGE ||
                        code == UA_STATUSCODE_BADRESPONSETOOLARGE || code == UA_STATUSCODE_BADENCODINGLIMITSEXCEEDED;
  if (!too_much || size == 1) return false;
  size = std::max<std::size_t>(1, size / 2);
  return true;
}

template <typename Call>
Status Services::in_calls(std::size_t count, std::size_t& size, Call call) {
  for (std::size_t at = 0; at < count;) {
    const std::size_t n = std::min(size, count - at);
    const Status made = call(at, n);
    if (made) {
      at += n;
    } else if (made.error().code != ErrorCode::kInvalid || !smaller(size)) {
      return made;
    }
  }
  return {};
}

Status Services::learn_sizes() {
  const std::array<std::pair<std::uint32_t, std::size_t*>, 4> limits{
      {{UA_NS0ID_SERVER_SERVERCAPABILITIES_OPERATIONLIMITS_MAXNODESPERREAD, &sizes_.read},
       {UA_NS0ID_SERVER_SERVERCAPABILITIES_OPERATIONLIMITS_MAXNODESPERBROWSE, &sizes_.browse},
       {UA_NS0ID_SERVER_SERVERCAPABILITIES_OPERATIONLIMITS_MAXMONITOREDITEMSPERCALL, &sizes_.monitor},
       {UA_NS0ID_SERVER_SERVERCAPABILITIES_OPERATIONLIMITS_MAXNODESPERHISTORYREADDATA, &sizes_.history}}};
  std::array<UA_NodeId, limits.size()> ids{};
  std::vector<What> what;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    ids[i] = UA_NODEID_NUMERIC(0, limits[i].first);
    what.push_back({&ids[i], UA_ATTRIBUTEID_VALUE});
  }
  const Status read_all = read(what, [&](std::size_t i, UA_DataValue& value) {
    if (!value.hasValue || !UA_Variant_hasScalarType(&value.value, &UA_TYPES[UA_TYPES_UINT32])) return;
    const UA_UInt32 most = *static_cast<const UA_UInt32*>(value.value.data);
    if (most != 0) *limits[i].second = std::min<std::size_t>(*limits[i].second, most);
  });
  // A server that refuses to be asked is asked for the rest all the same.
  if (!read_all && read_all.error().code != ErrorCode::kInvalid) return read_all;
  return {};
}

core::Result<std::vector<std::string>> Services::namespaces() {
  const UA_NodeId array = UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER_NAMESPACEARRAY);
  const What what{&array, UA_ATTRIBUTEID_VALUE};
  std::vector<std::string> uris;
  const Status done = read(std::span(&what, 1), [&](std::size_t, UA_DataValue& value) {
    if (!UA_Variant_hasArrayType(&value.value, &UA_TYPES[UA_TYPES_STRING])) return;
    for (std::size_t i = 0; i < value.value.arrayLength; ++i) {
      uris.emplace_back(view(static_cast<const UA_String*>(value.value.data)[i]));
    }
  });
  if (!done) return core::unexpected(done.error().within("reading the namespaces"));
  return uris;
}

Status Services::read(std::span<const What> what, const TakeValue& take) {
  return in_calls(what.size(), sizes_.read, [&](std::size_t at, std::size_t n) -> Status {
    ReadRequest request;
    request->timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH;
    request->nodesToRead = make_array<UA_ReadValueId>(n, UA_TYPES_READVALUEID);
    request->nodesToReadSize = n;
    for (std::size_t i = 0; i < n; ++i) {
      UA_NodeId_copy(what[at + i].node, &request->nodesToRead[i].nodeId);
      request->nodesToRead[i].attributeId = what[at + i].attribute;
    }
    auto response = link_.call<ReadResponse>(request);
    if (!response) return core::unexpected(response.error().within("reading"));
    for (std::size_t i = 0; i < std::min(n, (*response)->resultsSize); ++i) take(at + i, (*response)->results[i]);
    return {};
  });
}

// References of one node are handed over once all of them have come, so that a node that is asked for again gives none
// twice.
struct Services::Browse {
  std::span<const UA_NodeId* const> nodes;
  const Ways& ways;
  const TakeReference& take;
  const TakeRefusal& refused;
  std::uint32_t references_max = 0;  // of a node in one answer; 0: all
  std::vector<std::size_t> again{};  // the server had no room to remember where it stopped
};

// A server remembers only so many places where it stopped (five a session are usual). What is beyond that comes back
// empty: it is asked for again, fewer nodes at a time, each of which may then have more references in one answer; at
// last one by one, and all of its references at once.
Status Services::browse(std::span<const UA_NodeId* const> nodes, const Ways& ways, const TakeReference& take,
                        const TakeRefusal& refused) {
  Browse browse{.nodes = nodes, .ways = ways, .take = take, .refused = refused};
  std::vector<std::size_t> wanted(nodes.size());
  std::iota(wanted.begin(), wanted.end(), std::size_t{0});
  std::size_t size = std::min(sizes_.browse, std::max<std::size_t>(1, nodes.size()));
  for (bool is_last = false; !wanted.empty();) {
    const std::size_t before = size;
    const Status made = in_calls(wanted.size(), size, [&](std::size_t at, std::size_t n) {
      browse.references_max =
          is_last ? 0 : static_cast<std::uint32_t>(std::max<std::size_t>(10, kReferencesPerCall / n));
      return browse_some(std::span(wanted).subspan(at, n), browse);
    });
    if (!made) return made;
    if (size < before) sizes_.browse = size;
    wanted = std::exchange(browse.again, {});
    if (is_last) break;
    is_last = size == 1;
    size = std::max<std::size_t>(1, std::min(size, wanted.size()) / 2);
  }
  for (const std::size_t i : wanted) refused(i, UA_STATUSCODE_BADNOCONTINUATIONPOINTS);
  return {};
}

Status Services::browse_some(std::span<const std::size_t> some, Browse& browse) {
  BrowseRequest request;
  request->nodesToBrowse = make_array<UA_BrowseDescription>(some.size(), UA_TYPES_BROWSEDESCRIPTION);
  request->nodesToBrowseSize = some.size();
  request->requestedMaxReferencesPerNode = browse.references_max;
  for (std::size_t i = 0; i < some.size(); ++i) {
    UA_BrowseDescription& description = request->nodesToBrowse[i];
    UA_NodeId_copy(browse.nodes[some[i]], &description.nodeId);
    description.browseDirection = browse.ways.is_inverse ? UA_BROWSEDIRECTION_INVERSE : UA_BROWSEDIRECTION_FORWARD;
    description.referenceTypeId = UA_NODEID_NUMERIC(0, browse.ways.reference);
    description.includeSubtypes = true;
    description.nodeClassMask = browse.ways.classes;
    description.resultMask = UA_BROWSERESULTMASK_ALL;
  }
  auto response = link_.call<BrowseResponse>(request);
  if (!response) return core::unexpected(response.error().within("browsing"));
  for (std::size_t i = 0; i < some.size(); ++i) {
    if (i >= (*response)->resultsSize) {
      browse.refused(some[i], UA_STATUSCODE_BADUNEXPECTEDERROR);
    } else if (auto gone_on = browse_on(some[i], (*response)->results[i], browse); !gone_on) {
      return gone_on;
    }
  }
  return {};
}

// The first part of a node's references, and what there is behind it.
Status Services::browse_on(std::size_t index, UA_BrowseResult& first, Browse& browse) {
  std::vector<Reference> all;
  const auto keep = [&all](UA_BrowseResult& part) {
    for (std::size_t k = 0; k < part.referencesSize; ++k) all.emplace_back(part.references[k]);
  };
  UA_StatusCode status = first.statusCode;
  keep(first);
  Ua<UA_ByteString, UA_TYPES_BYTESTRING> point(first.continuationPoint);
  for (int page = 1; point->length != 0 && !UA_StatusCode_isBad(status); ++page) {
    if (page > kPagesMax) {
      core::logger("opcua-client")
          ->warn("a node has more references than {} pages of them: the rest is left out", kPagesMax);
      break;
    }
    BrowseNextRequest request;
    request->continuationPoints = make_array<UA_ByteString>(1, UA_TYPES_BYTESTRING);
    request->continuationPointsSize = 1;
    std::swap(request->continuationPoints[0], *point);
    auto response = link_.call<BrowseNextResponse>(request);
    if (!response && response.error().code != ErrorCode::kInvalid) return core::unexpected(response.error());
    if (!response || (*response)->resultsSize != 1) {
      status = response ? UA_STATUSCODE_BADUNEXPECTEDERROR : link_.last_result();
      break;
    }
    UA_BrowseResult& part = (*response)->results[0];
    status = part.statusCode;
    keep(part);
    std::swap(*point, part.continuationPoint);
  }
  // A place that the server has forgotten meanwhile is one that it had no room for.
  if (status == UA_STATUSCODE_BADNOCONTINUATIONPOINTS || status == UA_STATUSCODE_BADCONTINUATIONPOINTINVALID) {
    browse.again.push_back(index);
    return {};
  }
  for (const Reference& reference : all) browse.take(index, *reference);
  if (UA_StatusCode_isBad(status)) browse.refused(index, status);
  return {};
}

bool is_named(const UA_ReferenceDescription& reference, std::string_view name) {
  const std::string_view browse_name = view(reference.browseName.name);
  return browse_name == name || fmt::format("{}:{}", reference.browseName.namespaceIndex, browse_name) == name ||
         view(reference.displayName.text) == name;
}

}  // namespace millwright::connectors::opcua_detail
