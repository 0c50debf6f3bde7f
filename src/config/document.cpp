#include "config/document.hpp"

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "config/state.hpp"
#include "core/assert.hpp"
#include "core/text.hpp"

extern char** environ;  // NOLINT: POSIX's name

namespace millwright::config {

using detail::State;

std::string to_string(const Place& place) {
  return place.line == 0 ? place.file : fmt::format("{}:{}:{}", place.file, place.line, place.column);
}

std::string to_string(const Problem& problem) {
  const std::string place = to_string(problem.place);
  return problem.key.empty() ? fmt::format("{}: {}", place, problem.message)
                             : fmt::format("{}: {}: {}", place, problem.key, problem.message);
}

Environment process_environment() {
  Environment environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const auto equals = text.find('=');
    if (!text.starts_with(detail::kVariablePrefix) || equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

void State::check_environment() {
  std::vector<std::string_view> known;
  for (const auto& [name, kind] : asked_variables) {
    if (kind == detail::Nameable::kValue) known.push_back(name);
  }
  for (const auto& [name, value] : environment) {
    const auto found = asked_variables.find(name);
    if (found != asked_variables.end() && found->second == detail::Nameable::kValue) continue;
    Place place{"environment variable " + name};
    if (found != asked_variables.end()) {
      add({std::move(place), "", "names a section or list; a variable can only give a single value outside lists"});
    } else {
      add({std::move(place), "", "names no key of the configuration" + core::did_you_mean(name, known)});
    }
  }
}

Document::Document(std::shared_ptr<State> state) : state_(std::move(state)) {}

core::Result<Document> Document::load(const std::string& path, const Environment& environment) {
  auto text = detail::read_text_file(path);
  if (!text) return core::unexpected(text.error());
  return parse(*text, path, environment);
}

core::Result<Document> Document::parse(std::string_view yaml, const std::string& name, const Environment& environment) {
  auto state = std::make_shared<State>();
  state->environment = environment;
  std::vector<Problem> problems;
  auto tree = detail::parse_tree(yaml, name, problems);
  if (!tree) return core::unexpected(tree.error());
  if (tree.value()->root == nullptr || tree.value()->root->kind == detail::NodeKind::kNull) {
    return core::unexpected(core::ErrorCode::kInvalid, name + ": is empty; it must hold 'key: value' lines");
  }
  for (Problem& problem : problems) state->add(std::move(problem));
  state->trees.push_back(std::move(*tree));
  return Document(std::move(state));
}

Section Document::root() {
  const detail::Tree& tree = *state_->trees.front();
  auto impl = Section::Impl::make(state_, &tree, tree.root);
  impl->variable = "";
  impl->is_root = true;
  return Section(std::move(impl));
}

std::optional<Section> Document::include(const std::string& path, Section& where, std::string_view key) {
  if (state_->trees.size() > kIncludesMax) {
    where.problem(key, fmt::format("{}: more than {} files are included", path, kIncludesMax));
    return std::nullopt;
  }
  auto text = detail::read_text_file(path);
  if (!text) {
    where.problem(key, text.error().message);
    return std::nullopt;
  }
  return include_text(*text, path, where, key);
}

std::optional<Section> Document::include_text(std::string_view yaml, const std::string& name, Section& where,
                                              std::string_view key) {
  std::vector<Problem> problems;
  auto tree = detail::parse_tree(yaml, name, problems);
  if (!tree) {
    where.problem(key, tree.error().message);
    return std::nullopt;
  }
  const detail::Node* root = tree.value()->root;
  if (root == nullptr || root->kind == detail::NodeKind::kNull) {
    where.problem(key, name + " is empty; it must hold 'key: value' lines");
    return std::nullopt;
  }
  for (Problem& problem : problems) state_->add(std::move(problem));
  state_->trees.push_back(std::move(*tree));
  return Section(Section::Impl::make(state_, state_->trees.back().get(), root));
}

std::string Document::directory() const {
  const std::string directory = std::filesystem::path(state_->trees.front()->file).parent_path().string();
  return directory.empty() ? "." : directory;
}

void Document::problem(Problem problem) {
  state_->add(std::move(problem));
}

const std::vector<Problem>& Document::problems() const {
  return state_->problems;
}

core::Status Document::check() const {
  if (state_->problems.empty()) return {};
  // Files in the order they were read, then those that are no file (the environment).
  const auto file_rank = [this](const Problem& problem) {
    const auto same = [&](const auto& tree) { return tree->file == problem.place.file; };
    return std::find_if(state_->trees.begin(), state_->trees.end(), same) - state_->trees.begin();
  };
  std::vector<std::tuple<std::ptrdiff_t, int, int, const Problem*>> sorted;
  for (const Problem& problem : state_->problems) {
    sorted.emplace_back(file_rank(problem), problem.place.line, problem.place.column, &problem);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(std::get<0>(a), std::get<1>(a), std::get<2>(a)) <
           std::tie(std::get<0>(b), std::get<1>(b), std::get<2>(b));
  });
  std::string text;
  for (const auto& entry : sorted) text += (text.empty() ? "" : "\n") + to_string(*std::get<3>(entry));
  if (state_->problems_untold > 0) text += fmt::format("\nand {} more", state_->problems_untold);
  return core::unexpected(core::ErrorCode::kInvalid, std::move(text));
}

}  // namespace millwright::config
