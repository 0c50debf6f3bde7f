// A YAML file as a tree of plain nodes, each with its place: the one spot that knows yaml-cpp.
//
// Threads: a Tree is read-only once parsed. Aliases are resolved to the same node, so a tree may share branches.
// Errors: syntax, encoding and limits fail the parse, with "file:line:column: …"; duplicate and non-text keys are
// gathered as problems and the first of them counts.
// Limits: kFileBytesMax a file, kDepthMax levels (counted through aliases), kNodesMax nodes (each alias counts as all
// that it stands for, so a small file cannot unfold into a huge one).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/document.hpp"
#include "core/result.hpp"

namespace millwright::config::detail {

inline constexpr std::size_t kFileBytesMax = 16U << 20;
inline constexpr std::uint32_t kDepthMax = 64;
inline constexpr std::uint64_t kNodesMax = 4'000'000;

enum class NodeKind : std::uint8_t { kNull, kScalar, kList, kMap };

struct Entry {
  std::string key;
  int line = 0;
  int column = 0;
  const Node* value = nullptr;
};

struct Node {
  NodeKind kind = NodeKind::kNull;
  bool quoted = false;  // a scalar in quotes, or tagged !!str: text whatever it looks like
  bool open = false;    // its end was not yet read
  std::uint32_t height = 0;
  int line = 0;
  int column = 0;
  std::uint64_t weight = 1;  // nodes in it, itself included
  std::string text;
  std::vector<const Node*> items;
  std::vector<Entry> entries;
  std::unordered_map<std::string, std::size_t> index;  // of `entries`, only where they are many

  // The entry's number in `entries`, or entries.size().
  [[nodiscard]] std::size_t find(std::string_view key) const;
};

struct Tree {
  std::string file;
  std::deque<Node> nodes;
  const Node* root = nullptr;  // a mapping, or null for an empty file
};

// "file:line:column: not valid YAML: …" on failure.
core::Result<std::unique_ptr<Tree>> parse_tree(std::string_view yaml, const std::string& file,
                                               std::vector<Problem>& problems);

// The file's bytes, at most kFileBytesMax.
core::Result<std::string> read_text_file(const std::string& path);

}  // namespace millwright::config::detail
