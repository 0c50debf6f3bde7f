// GroupCommit: one thread that commits many journals at a fixed interval, then tells each owner what became durable.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "journal/journal.hpp"

namespace millwright::journal {

class GroupCommit {
 public:
  GroupCommit(core::DurationNs interval, core::Metrics& metrics);
  ~GroupCommit();  // a last commit, then the thread ends

  // Before start(). `on_durable` is called from the commit thread after each commit that moved durable(); it must not
  // block. The journal must live until stop().
  void add(Journal& journal, std::function<void(Sequence durable)> on_durable);
  void start();
  // Commits once more, so that everything appended before the call is durable, and ends the thread.
  void stop();

 private:
  struct Member {
    Journal* journal;
    std::function<void(Sequence)> on_durable;
    Sequence told = 0;
    std::string error;  // as last logged; empty: none
  };
  void run();
  void commit_all();

  core::DurationNs interval_;
  std::vector<Member> members_;
  core::Mutex mutex_;
  core::Condition wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
  core::Histogram& commit_seconds_;
  core::Counter& failures_;
};

}  // namespace millwright::journal
