// One YAML file under a closed schema. A Section is a mapping of the file that is read key by key with types, units,
// ranges and defaults; what nobody asked for by the end is a mistake, answered with the nearest key that exists.
// All problems of a file are gathered and told at once, each with file, line, column and key.
//
//   auto document = config::Document::load("plant.yaml", config::process_environment());
//   config::Section api = document->root().section("api");      // missing: an empty section, so defaults apply
//   const auto port = api.integer("port", {.fallback = 8080, .low = 1, .high = 65535});
//   api.finish();                                               // unknown keys become problems
//   if (auto status = document->check(); !status) …
//
// Environment: MILLWRIGHT_API__PORT=8081 overrides api.port ("__" between levels, "_" for '-' inside one); only scalars
// outside lists. The root's finish() comes last: a variable that names no key asked for by then is a problem.
// Threads: one at a time. Limits: 16 MiB a file, 64 levels, 4 million values (aliases counted in full), kProblemsMax
// problems (the rest are counted).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::config {

// Where in which file; lines and columns count from 1, 0 where unknown (an environment variable).
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};
std::string to_string(const Place& place);  // "plant.yaml:12:5"

struct Problem {
  Place place;
  std::string key;      // full path: "api.port", "assets.sites[0].areas[1].id"
  std::string message;  // what is wrong and what to do
};
std::string to_string(const Problem& problem);  // "plant.yaml:12:5: api.prt: unknown key (did you mean 'port'?)"

inline constexpr std::size_t kProblemsMax = 1000;

using Environment = std::map<std::string, std::string>;
Environment process_environment();  // those that begin with MILLWRIGHT_

struct IntegerRule {
  std::optional<std::int64_t> fallback;  // none: the key is required
  std::int64_t low = INT64_MIN;
  std::int64_t high = INT64_MAX;
};
struct NumberRule {
  std::optional<double> fallback;
  double low = -1.7e308;
  double high = 1.7e308;
};
struct TextRule {
  std::optional<std::string> fallback;
  std::size_t length_max = 4096;
};
struct DurationRule {
  std::optional<core::DurationNs> fallback;
  core::DurationNs low = 0;
  core::DurationNs high = INT64_MAX;
};
struct SizeRule {
  std::optional<std::uint64_t> fallback;
  std::uint64_t low = 0;
  std::uint64_t high = UINT64_MAX;
};

inline constexpr std::size_t kIncludesMax = 1000;

namespace detail {
struct State;  // files, problems, environment and what was read so far; shared by a document's sections
struct Node;   // a YAML node, kept out of the headers
}  // namespace detail

// A mapping; a light handle, and copies are the same section. A value that is wrong adds a problem and gives the
// fallback (or zero), so that reading goes on. Ask for a section() once: each handle knows only its own keys as read.
class Section {
 public:
  [[nodiscard]] bool has(std::string_view key);
  // Whether the mapping itself is in the file.
  [[nodiscard]] bool present() const;
  // For mappings whose keys are names that the user chose: all keys in the file's order, none of them asked for yet.
  [[nodiscard]] std::vector<std::string> keys() const;
  // Whether the key's value is itself a mapping, where a short form (a text) is also allowed.
  [[nodiscard]] bool is_section(std::string_view key) const;

  std::string text(std::string_view key, const TextRule& rule = {});
  std::int64_t integer(std::string_view key, const IntegerRule& rule = {});
  double number(std::string_view key, const NumberRule& rule = {});
  bool boolean(std::string_view key, std::optional<bool> fallback);
  core::DurationNs duration(std::string_view key, const DurationRule& rule = {});  // "100ms"
  std::uint64_t bytes(std::string_view key, const SizeRule& rule = {});            // "64MiB", "1GB", 4096
  // One of `names`; gives its index.
  std::size_t choice(std::string_view key, std::span<const std::string_view> names,
                     std::optional<std::size_t> fallback);
  std::vector<double> numbers(std::string_view key);     // a list of numbers; absent: empty
  std::vector<std::string> texts(std::string_view key);  // a list of texts; absent: empty
  // A mapping from integer to text, such as state names; absent: empty.
  std::map<std::int64_t, std::string> names_by_number(std::string_view key);

  Section section(std::string_view key);                // a mapping; absent: an empty section
  std::vector<Section> sections(std::string_view key);  // a list of mappings; absent: empty

  // For checks that the rules above cannot say. The place is the key's value, or the section where it is absent.
  void problem(std::string_view key, std::string message);
  [[nodiscard]] Place place(std::string_view key = {}) const;
  [[nodiscard]] std::string path() const;  // "assets.sites[0]"
  // All of it as it is in the file, as one JSON object, the keys in its order; "{}" where it is absent. Reading it as
  // YAML again gives the same section.
  [[nodiscard]] std::string json() const;

  // Call when all keys were asked for: the rest are unknown keys.
  void finish();

 private:
  friend class Document;
  struct Impl;
  explicit Section(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

class Document {
 public:
  // Fails only where the file cannot be read or is no YAML mapping; the error has file, line and column.
  static core::Result<Document> load(const std::string& path, const Environment& environment = {});
  static core::Result<Document> parse(std::string_view yaml, const std::string& name,
                                      const Environment& environment = {});

  Section root();
  // Another file read under the same problems, such as a machine type; `where` is the key that named it.
  // Nothing where it cannot be read; the problem is then at `where`. Limit: kIncludesMax files.
  std::optional<Section> include(const std::string& path, Section& where, std::string_view key);
  // The same of a text at hand, which problems call `name`.
  std::optional<Section> include_text(std::string_view yaml, const std::string& name, Section& where,
                                      std::string_view key);
  // The folder of the main file: relative paths in it are meant from there.
  [[nodiscard]] std::string directory() const;

  // For a check between places that no one section holds.
  void problem(Problem problem);
  [[nodiscard]] const std::vector<Problem>& problems() const;
  // All problems, a line each, as one error: by file, line and column.
  [[nodiscard]] core::Status check() const;

 private:
  explicit Document(std::shared_ptr<detail::State> state);
  std::shared_ptr<detail::State> state_;
};

}  // namespace millwright::config
