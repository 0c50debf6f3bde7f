// Why a machine stands: a tree of reason codes, each with what its downtime counts as.
//
// Threads: const from any. Limits: kReasonsMax codes, kReasonDepthMax levels.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asset/oee.hpp"
#include "config/document.hpp"
#include "core/result.hpp"

namespace millwright::analytics {

inline constexpr std::size_t kReasonsMax = 1000;
inline constexpr int kReasonDepthMax = 4;

struct Reason {
  std::string code;  // unique in the tree
  std::string name;
  std::string parent;  // its code; "": at the top
  asset::Activity counts_as = asset::Activity::kIdle;
};

class Reasons {
 public:
  // The tree of a plant that gives none.
  static Reasons usual();
  // Reads `reasons`; absent: the usual ones. Problems go to the document.
  static Reasons read(config::Section& section);

  // A parent before its children.
  [[nodiscard]] const std::vector<Reason>& all() const { return all_; }
  // kInvalid, with the nearest code, where there is none.
  [[nodiscard]] core::Result<Reason> find(std::string_view code) const;

 private:
  void read_level(config::Section& section, const Reason* parent, int depth);
  std::vector<Reason> all_;
};

}  // namespace millwright::analytics
