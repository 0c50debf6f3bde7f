// audit: who changed what, and whether the log of it is whole.

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "access_place.hpp"
#include "commands.hpp"

namespace millwright::app {
namespace {

constexpr std::size_t kPage = 1000;

struct AuditArguments {
  AccessPlace place;
  std::size_t limit = 50;
  std::vector<std::string> heads;
  bool json = false;
};

void print(const access::AuditRecord& record) {
  const auto r = nlohmann::ordered_json::parse(record.json, nullptr, false);
  const auto text = [&](const char* name) { return r.value(name, std::string()); };
  const std::string detail = r.contains("detail") ? r["detail"].dump() : std::string();
  fmt::print("{:>8}  {}  {} ({}) from {}: {} → {}  {}\n", record.number, text("time"), text("who"), text("by"),
             text("from"), text("what"), r.value("status", 0), detail);
}

// Newest first, page by page.
int list(const AuditArguments& a, const OpenAccess& open) {
  std::size_t left = a.limit;
  std::uint64_t before = 0;
  do {
    const auto page = access::read_audit(open.audit_file, before, std::min(left, kPage));
    if (!page) return fail(page.error());
    for (const access::AuditRecord& record : page->records) {
      if (a.json) {
        fmt::print("{}\n", record.json);
      } else {
        print(record);
      }
    }
    left -= page->records.size();
    before = page->before;
  } while (before != 0 && left > 0);
  return kDone;
}

int verify(const AuditArguments& a, const OpenAccess& open) {
  std::vector<access::AuditHead> heads;
  for (const std::string& text : a.heads) {
    const auto head = access::parse_head(text);
    if (!head) return fail(head.error().within("--head " + text));
    heads.push_back(*head);
  }
  const auto kept = open.accounts.kept_head();
  if (!kept) return fail(kept.error());
  if (kept->first > 0) heads.push_back({kept->first, kept->second});
  const auto report = access::verify_audit(open.audit_file, heads);
  if (!report) return fail(report.error());
  if (a.json) {
    const nlohmann::ordered_json json = {{"records", report->records},
                                         {"head", to_text(report->head)},
                                         {"whole", report->problems.empty()},
                                         {"problems", report->problems}};
    fmt::print("{}\n", json.dump(2));
  } else {
    for (const std::string& problem : report->problems) fmt::print("{}\n", problem);
    fmt::print("{}: {} records, {}; its end is {}\n", open.audit_file, report->records,
               report->problems.empty() ? "whole" : fmt::format("{} problems", report->problems.size()),
               to_text(report->head));
  }
  return report->problems.empty() ? kDone : kFailed;
}

}  // namespace

void add_audit(CLI::App& app, const SetCommand& set) {
  auto* audit = app.add_subcommand("audit", "who changed what, and whether the log of it is whole");
  audit->require_subcommand(1);
  const auto a = std::make_shared<AuditArguments>();
  const auto place = std::shared_ptr<AccessPlace>(a, &a->place);
  auto* show = audit->add_subcommand("list", "the newest records");
  add_place(show, place);
  show->add_option("--limit", a->limit, "at most so many")->capture_default_str();
  show->add_flag("--json", a->json, "one JSON object a line");
  show->callback(
      [=] { set([=] { return with_access(*place, [&](const OpenAccess& open) { return list(*a, open); }); }); });
  auto* check = audit->add_subcommand("verify", "find records that were altered, removed or moved");
  add_place(check, place);
  check->add_option("--head", a->heads, "an end of the log that an earlier run gave and you noted elsewhere");
  check->add_flag("--json", a->json, "answer as JSON");
  check->callback(
      [=] { set([=] { return with_access(*place, [&](const OpenAccess& open) { return verify(*a, open); }); }); });
}

}  // namespace millwright::app
