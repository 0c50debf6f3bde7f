// What a document and its sections share. Private to config.
//
// Threads: one at a time, as the document.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/yaml_tree.hpp"

namespace millwright::config::detail {

// What an environment variable may name, by its full name.
enum class Nameable { kValue, kOther };  // kOther: a section or list, which a variable cannot give

struct State {
  std::vector<std::unique_ptr<Tree>> trees;  // the main file first
  std::vector<Problem> problems;
  std::size_t problems_untold = 0;  // beyond kProblemsMax
  Environment environment;
  std::map<std::string, Nameable> asked_variables;

  void add(Problem problem) {
    if (problems.size() < kProblemsMax) {
      problems.push_back(std::move(problem));
    } else {
      ++problems_untold;
    }
  }
  // Variables that name no key asked for.
  void check_environment();
};

inline constexpr std::string_view kVariablePrefix = "MILLWRIGHT_";

}  // namespace millwright::config::detail

namespace millwright::config {

struct Section::Impl {
  std::shared_ptr<detail::State> state;
  const detail::Tree* tree = nullptr;
  const detail::Node* node = nullptr;  // a mapping; nullptr where the file has none
  Place origin;                        // where it is, or the nearest that is there
  std::string key_path;
  std::optional<std::string> variable;  // its environment name; none in lists and included files
  bool is_root = false;
  bool broken = false;                   // there, but no mapping (told already): missing keys are no news
  std::vector<bool> asked;               // by entry of `node`
  std::vector<std::string> names_asked;  // for hints and for variables

  struct Scalar {
    std::string text;
    bool quoted = false;
    Place place;
  };

  static std::shared_ptr<Impl> make(std::shared_ptr<detail::State> shared, const detail::Tree* of,
                                    const detail::Node* mapping);
  // The value in the file, marked as asked for; nullptr where there is none.
  const detail::Node* ask(std::string_view key, detail::Nameable nameable);
  [[nodiscard]] const detail::Node* peek(std::string_view key) const;
  // The environment's or the file's value. Nothing where there is none (with `required`, that is a problem) or where
  // it is no scalar; `expected` is for that problem.
  std::optional<Scalar> scalar(std::string_view key, bool required, std::string_view expected);
  [[nodiscard]] std::string full_key(std::string_view key) const;
  [[nodiscard]] std::string variable_name(std::string_view key) const;  // only where `variable`
  [[nodiscard]] Place place_of(const detail::Node& value) const;
  void complain(Place place, std::string_view key, std::string message);
  void wrong_type(const detail::Node& value, std::string_view key, std::string_view expected);
};

}  // namespace millwright::config
