// Router: every path that the API answers: what it takes, who may ask, and the handler. Each area of the API adds its
// endpoints (add_…_routes); openapi.json describes the same list, and a test compares the two.
//
// Threads: add() while the server is set up, everything else from any thread afterwards.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.hpp"
#include "api/identity.hpp"
#include "api/parameters.hpp"
#include "core/result.hpp"

namespace millwright::api {

inline constexpr std::string_view kJson = "application/json";

// A request on its way, as handlers see it.
struct Call {
  const Request& request;
  const std::vector<std::string>& captured;  // what each "{…}" of the path stood for, decoded
  const Parameters& parameters;
  const Identity& who;
  const std::function<bool()>& stopping;  // true: the server stops, give up with kUnavailable

  [[nodiscard]] const std::string& id() const { return captured.front(); }
};

// Errors are answered as problem documents (problem.hpp).
using Handler = std::function<core::Result<Response>(const Call&)>;

enum class Pace {
  kQuick,   // answered on the transport's thread: never waits for disk, network or a lock that others hold for long
  kSlow,    // on a thread of the worker pool
  kStream,  // server-sent events, by the dispatcher
  kFile,    // the dashboard's files, by the dispatcher: whatever no other path takes
};

struct Endpoint {
  Method method = Method::kGet;  // kGet takes HEAD too
  std::string_view path;         // "/v1/…", "{name}" stands for one part; the label of metrics
  bool alias = false;            // also without "/v1"
  std::vector<std::string_view> parameters{};
  std::string_view media = kJson;  // of a body
  std::size_t body_bytes_max = 0;  // 0: as the options say
  Pace pace = Pace::kQuick;
  Right right = Right::kView;
  bool whole_plant = false;  // only for who sees all of it: totals, and what is no machine's
  bool only_reads = false;   // a POST that changes nothing: a question that does not fit into a URL
  bool secret = false;       // a POST with a secret in it or its answer, so that it takes no Idempotency-Key
  Handler handler{};
};

struct Match {
  const Endpoint* endpoint = nullptr;
  std::vector<std::string> captured;
  bool method_fits = false;  // else the endpoint is one with the same path
};

class Router {
 public:
  void add(Endpoint endpoint);
  [[nodiscard]] const std::vector<std::unique_ptr<Endpoint>>& endpoints() const { return endpoints_; }
  // The endpoint of a path; words of a path go before "{…}". A path below /v1 that no endpoint has gives nothing; any
  // other falls to the dashboard's files. kInvalid on a path that is not percent-encoded as it should be.
  [[nodiscard]] core::Result<std::optional<Match>> match(std::string_view path, Method method) const;
  // What the endpoint's path takes: "GET, HEAD, POST".
  [[nodiscard]] std::string allowed_methods(const Endpoint& endpoint) const;

 private:
  struct Pattern {
    std::vector<std::string_view> parts;
    const Endpoint* endpoint;
  };
  void add_pattern(std::string_view path, const Endpoint& endpoint);

  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::vector<std::vector<Pattern>> patterns_;  // by the number of parts
  const Endpoint* files_ = nullptr;
};

// Whether requests of this method carry a body.
bool takes_body(Method method);

}  // namespace millwright::api
