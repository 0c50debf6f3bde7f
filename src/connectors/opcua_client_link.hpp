// One connection to an OPC UA server: secure channel, session, service calls and the publish loop. It ends with the
// first thing that goes wrong; the owner then makes a new one.
//
// Threads: one, the connector's; every callback comes in it, from within iterate() or call().
// Errors: kUnavailable with the reason in plain words; kClosed once `stop` is set.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "connectors/opcua_client.hpp"
#include "connectors/opcua_client_types.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

struct UA_Client;
struct UA_ClientConfig;

namespace millwright::connectors::opcua_detail {

// Who gets what the server publishes.
class Sink {
 public:
  virtual ~Sink() = default;
  // `handle` is the clientHandle that the item was made with.
  virtual void on_value(std::uint32_t handle, const UA_DataValue& value) = 0;
  // After the last value of one publish response. False: nothing more can be taken.
  virtual bool on_message_end() = 0;
  virtual void on_missed(std::uint64_t messages) = 0;
};

// Of a link without subscriptions: nothing comes.
class NoSink final : public Sink {
 public:
  void on_value(std::uint32_t, const UA_DataValue&) override {}
  bool on_message_end() override { return true; }
  void on_missed(std::uint64_t) override {}
};

struct Subscription {
  std::uint32_t id = 0;
  core::DurationNs silence_max = 0;  // longer than this without a word: lost
  core::TimeNs last_word = 0;        // monotonic
  std::uint32_t next_sequence = 1;
  core::TimeNs speaks_until = 0;  // monotonic; of one that was taken over and has not been heard since; 0: it was
};

class Link {
 public:
  // Waits until the session with `endpoint` is active. `certificates` is needed where the options ask for security.
  static core::Result<std::unique_ptr<Link>> open(const OpcUaClientOptions& options, const std::string& endpoint,
                                                  security::CertificateStore* certificates, const std::string& name,
                                                  const io::Clock& clock, const std::atomic<bool>& stop, Sink& sink);
  // A secure channel without security and without a session, for questions that ask() can ask.
  static core::Result<std::unique_ptr<Link>> open_channel(const OpcUaClientOptions& options,
                                                          const std::string& endpoint, const io::Clock& clock,
                                                          const std::atomic<bool>& stop, Sink& sink);
  ~Link();  // says goodbye where the server still listens, for half a second at most
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // One service call; what is published meanwhile goes to the sink. A bad service result is an error of kInvalid.
  template <typename Response, typename Request>
  core::Result<Response> call(Request& request) {
    Response response;
    if (auto sent = call(&*request, Request::type(), &*response, Response::type()); !sent) {
      return core::unexpected(sent.error());
    }
    return response;
  }
  // The same over open_channel(): asked again where open62541 goes to another address of the server meanwhile.
  template <typename Response, typename Request>
  core::Result<Response> ask(Request& request) {
    for (int attempt = 1;; ++attempt) {
      if (auto waited = wait_until_active(); !waited) return core::unexpected(waited.error());
      auto response = call<Response>(request);
      if (response || active_ || attempt == kAttempts || !lost_.empty()) return response;
    }
  }
  // Service result of the last failed call; 0 where it never got to the server.
  [[nodiscard]] UA_StatusCode last_result() const { return last_result_; }

  // kInvalid: the server makes none, with last_result().
  core::Result<std::uint32_t> subscribe();
  core::Status unsubscribe(std::uint32_t id);
  [[nodiscard]] const std::vector<Subscription>& subscriptions() const { return subscriptions_; }
  // Takes over what a lost link to the same server left there, with all that the server has kept in it meanwhile; says
  // which. Before subscribe().
  core::Result<std::vector<std::uint32_t>> resume(const std::vector<Subscription>& left);
  // Waits up to `timeout` for something to happen, and keeps the server supplied with publish requests.
  core::Status iterate(core::DurationNs timeout);
  // One that was taken over and says nothing: some servers go on answering the connection that is gone.
  [[nodiscard]] std::optional<std::uint32_t> dumb() const;

 private:
  struct Log;
  struct Pending;
  struct Publish;
  Link(const OpcUaClientOptions& options, const io::Clock& clock, const std::atomic<bool>& stop, Sink& sink);

  static constexpr int kAttempts = 3;

  core::Status start(const std::string& endpoint, const std::string& name, security::CertificateStore* certificates);
  core::Status configure(UA_ClientConfig& config, const std::string& endpoint, const std::string& name,
                         security::CertificateStore* certificates);
  core::Status choose(UA_ClientConfig& config, const std::string& endpoint, security::CertificateStore& certificates);
  core::Status wait_until_active();
  [[nodiscard]] core::Error refusal(const core::Error& error, const std::string& endpoint) const;
  core::Status call(void* request, const UA_DataType* request_type, void* response, const UA_DataType* response_type);
  core::Status pump(core::DurationNs timeout);
  core::Status check_words();
  void top_up();
  void fetch_missed();
  core::Status republish(Subscription& subscription, const UA_TransferResult& transferred);
  void settle_publishing();
  void lose(std::string reason);
  void on_publish(UA_PublishResponse& response);
  void take(Subscription& subscription, const UA_NotificationMessage& message);
  Subscription* find(std::uint32_t id);
  [[nodiscard]] std::string connection_reason(UA_StatusCode code) const;
  static void on_inactivity(UA_Client* client);

  const OpcUaClientOptions& options_;
  const io::Clock& clock_;
  const std::atomic<bool>& stop_;
  Sink& sink_;
  std::unique_ptr<Log> log_;
  std::optional<security::PeerCheck> peer_;  // where there is security; outlives client_
  UA_Client* client_ = nullptr;
  bool is_channel_ = false;  // without a session
  bool active_ = false;      // the session has been active; of a channel: is open
  bool answering_ = true;    // false: half open, do not wait for answers
  std::string lost_;         // why, once it is
  UA_StatusCode last_result_ = 0;
  std::vector<Subscription> subscriptions_;
  struct Missed {
    std::uint32_t subscription;
    std::uint32_t sequence;
  };
  std::vector<Missed> missed_;
  std::vector<UA_SubscriptionAcknowledgement> acknowledgements_;
  std::size_t outstanding_ = 0;
  std::size_t outstanding_max_ = 1;
};

}  // namespace millwright::connectors::opcua_detail
