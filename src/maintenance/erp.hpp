// Erp: a plant's ERP or CMMS as the outbox sees it: find an order by our reference, create it, ask how far it is. One
// implementation for each kind, over HTTP; the contracts are in docs/maintenance.md.
//
// Threads: an Erp belongs to one thread at a time. `stopping` is asked several times a second.
// Errors, by what is to be done about them:
//   kUnavailable   nobody knows whether it got through, or not now (no connection, cut off, log-in refused, busy):
//   again,
//                  later, without end
//   kIo            answered with an error that may go away: again, so often
//   kInvalid       answered that it will never take this: not again
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "http/client.hpp"
#include "io/clock.hpp"
#include "maintenance/options.hpp"
#include "maintenance/work_order.hpp"

namespace millwright::maintenance {

// An order as the ERP has it.
struct ErpOrder {
  std::string id;                     // its number there
  std::string word{};                 // its state in the ERP's own words
  std::optional<OrderState> state{};  // that word, where it means anything to us
};

class Erp {
 public:
  using Stopping = http::Client::Stopping;

  virtual ~Erp() = default;
  // The order with our reference; nothing where there is none.
  virtual core::Result<std::optional<ErpOrder>> find(const std::string& reference, const Stopping& stopping) = 0;
  // `key` is the same for every attempt of one delivery.
  virtual core::Result<ErpOrder> create(const WorkOrder& order, const std::string& key, const Stopping& stopping) = 0;
  // How far the order is that it gave the number `order.erp_id`.
  virtual core::Result<ErpOrder> read(const WorkOrder& order, const Stopping& stopping) = 0;
  // A read that shows whether address, log-in and object are right.
  virtual core::Status probe(const Stopping& stopping) = 0;
};

// `clock` outlives it.
std::unique_ptr<Erp> make_erp(const ErpOptions& options, const io::Clock& clock);

}  // namespace millwright::maintenance
