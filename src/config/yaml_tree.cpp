#include "config/yaml_tree.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "core/text.hpp"

namespace millwright::config::detail {

namespace {

constexpr std::size_t kIndexFrom = 16;  // entries of a mapping, from which on an index pays

// A comment without a line's end, put at the end of every file: without it yaml-cpp lets text in quotes run to the last
// line's end without a word, and all that follows the quote would be lost.
constexpr std::string_view kEndMark = "#";

using core::ErrorCode;

// Turns yaml-cpp's events into nodes. Throws YAML::ParserException to stop; parse_tree catches it.
class Builder final : public YAML::EventHandler {
 public:
  Builder(Tree& tree, std::vector<Problem>& problems) : tree_(tree), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) throw YAML::ParserException(mark, "a second YAML document; a file holds one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node& node = add(mark, NodeKind::kNull, anchor);
    // yaml-cpp puts a value that is left out at whatever comes next; its key is what a reader looks for. (Nothing tells
    // "~" in the file from this, so that is put there too.)
    if (!stack_.empty() && stack_.back().has_key) {
      node.line = stack_.back().line;
      node.column = stack_.back().column;
    }
    complete(node);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node* target = anchor < anchors_.size() ? anchors_[anchor] : nullptr;
    if (target == nullptr || target->open) throw YAML::ParserException(mark, "an alias to what it is itself part of");
    if (stack_.size() + target->height + 1 > kDepthMax) too_deep(mark);
    complete(*target);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    Node& node = add(mark, NodeKind::kScalar, anchor);
    node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    node.text = value;
    if (!node.quoted && (value == "~" || value == "null")) node.kind = NodeKind::kNull;
    complete(node);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, NodeKind::kList, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, NodeKind::kMap, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node* node;
    bool has_key = false;
    bool drop = false;  // the value under way belongs to a key that does not count
    std::string key;
    int line = 0;
    int column = 0;
  };

  [[noreturn]] static void too_deep(const YAML::Mark& mark) {
    throw YAML::ParserException(mark, fmt::format("nested deeper than {} levels", kDepthMax));
  }
  [[noreturn]] static void too_many(const YAML::Mark& mark) {
    throw YAML::ParserException(mark, fmt::format("more than {} values, aliases counted in full", kNodesMax));
  }
  static void check_tag(const YAML::Mark& mark, std::string_view tag) {
    constexpr std::string_view kStandard = "tag:yaml.org,2002:";
    if (tag.empty() || tag == "?" || tag == "!" || tag.starts_with(kStandard)) return;
    throw YAML::ParserException(mark, fmt::format("the tag {} means nothing here; remove it", tag));
  }

  Node& add(const YAML::Mark& mark, NodeKind kind, YAML::anchor_t anchor) {
    if (tree_.nodes.size() >= kNodesMax) too_many(mark);
    Node& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    if (anchor != 0) {
      if (anchors_.size() <= anchor) anchors_.resize(anchor + 1, nullptr);
      anchors_[anchor] = &node;
    }
    return node;
  }

  void open(const YAML::Mark& mark, const std::string& tag, NodeKind kind, YAML::anchor_t anchor) {
    check_tag(mark, tag);
    if (stack_.size() >= kDepthMax) too_deep(mark);
    Node& node = add(mark, kind, anchor);
    node.open = true;
    stack_.push_back({.node = &node, .key = {}});
  }

  void close() {
    Node& node = *stack_.back().node;
    node.open = false;
    stack_.pop_back();
    complete(node);
  }

  // A node is whole: it becomes the root, an item, a key or a value.
  void complete(Node& node) {
    if (stack_.empty()) {
      tree_.root = &node;
      return;
    }
    Frame& frame = stack_.back();
    Node& parent = *frame.node;
    parent.weight += node.weight;
    if (parent.weight > kNodesMax) {
      YAML::Mark mark;
      mark.line = parent.line - 1;
      mark.column = parent.column - 1;
      too_many(mark);
    }
    parent.height = std::max(parent.height, node.height + 1);
    if (parent.kind == NodeKind::kList) {
      parent.items.push_back(&node);
    } else if (!frame.has_key) {
      take_key(frame, node);
    } else {
      frame.has_key = false;
      if (!frame.drop) add_entry(parent, {std::move(frame.key), frame.line, frame.column, &node});
    }
  }

  void take_key(Frame& frame, const Node& node) {
    frame.has_key = true;
    frame.drop = false;
    frame.line = node.line;
    frame.column = node.column;
    frame.key = node.text;
    if (node.kind != NodeKind::kScalar) {
      frame.key = "?";
      frame.drop = true;
      report(frame, path(), "a key must be plain text");
      return;
    }
    const std::size_t before = frame.node->find(frame.key);
    if (before == frame.node->entries.size()) return;
    const Entry& first = frame.node->entries[before];
    frame.drop = true;
    report(frame, path(), fmt::format("given twice, first at {}:{}; remove one", first.line, first.column));
  }

  static void add_entry(Node& map, Entry entry) {
    map.entries.push_back(std::move(entry));
    if (map.entries.size() < kIndexFrom) return;
    if (map.index.empty()) {
      for (std::size_t i = 0; i < map.entries.size(); ++i) map.index.emplace(map.entries[i].key, i);
    } else {
      map.index.emplace(map.entries.back().key, map.entries.size() - 1);
    }
  }

  void report(const Frame& frame, std::string path, std::string message) {
    problems_.push_back({{tree_.file, frame.line, frame.column}, std::move(path), std::move(message)});
  }

  // Of what is being read: "assets.sites[0].name".
  [[nodiscard]] std::string path() const {
    std::string path;
    for (const Frame& frame : stack_) {
      if (frame.node->kind == NodeKind::kList) {
        path += fmt::format("[{}]", frame.node->items.size());
      } else {
        path += (path.empty() ? "" : ".") + frame.key;
      }
    }
    return path;
  }

  Tree& tree_;
  std::vector<Problem>& problems_;
  std::vector<Frame> stack_;
  std::vector<Node*> anchors_;
  int documents_ = 0;
};

struct Spot {
  int line = 1;
  int column = 1;
};

// The bytes of the character that `text` begins with; 0 where it is not UTF-8, or a control character.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const bool blank = first == '\t' || first == '\n' || first == '\r';
  return (first < 0x20 || first == 0x7F) && !blank ? 0 : core::utf8_length(text);
}

// The first byte that is no part of a readable UTF-8 text.
std::optional<Spot> find_unreadable(std::string_view text) {
  Spot spot;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = character_length(text.substr(i));
    if (length == 0) return spot;
    if (text[i] == '\n') {
      ++spot.line;
      spot.column = 1;
    } else {
      ++spot.column;
    }
    i += length;
  }
  return std::nullopt;
}

// A tab that begins the line of the error or the lines just before it: the usual cause, seldom said so by the parser.
std::optional<Spot> find_tab(std::string_view text, int error_line) {
  int line = 1;
  std::optional<Spot> found;
  std::istringstream lines{std::string(text)};
  for (std::string row; line <= error_line && std::getline(lines, row); ++line) {
    const auto indent = row.find_first_not_of(" \t");
    const auto tab = row.find('\t');
    if (tab != std::string::npos && indent != std::string::npos && tab < indent && line + 2 >= error_line) {
      found = Spot{line, static_cast<int>(tab) + 1};
    }
  }
  return found;
}

std::string explain(const std::string& message) {
  namespace says = YAML::ErrorMsg;
  if (message == says::MAP_VALUE) return "a ':' that cannot be here; put quotes around text that holds ': '";
  if (message == says::END_OF_MAP || message == says::END_OF_SEQ || message == says::BLOCK_ENTRY ||
      message == says::MAP_KEY) {
    return "the indentation does not fit the lines above, or a ': ' after a key is missing";
  }
  if (message == says::END_OF_MAP_FLOW) return "a '{' without its '}', or a ',' missing in it";
  if (message == says::END_OF_SEQ_FLOW) return "a '[' without its ']', or a ',' missing in it";
  if (message == says::EOF_IN_SCALAR) return "text in quotes that begins after this never ends";
  if (message == says::UNKNOWN_TOKEN) return "a character that begins no value; put quotes around the text";
  return message;
}

core::Unexpected syntax_error(const Tree& tree, std::string_view yaml, const YAML::Exception& error) {
  const std::string& file = tree.file;
  Spot spot{error.mark.line + 1, error.mark.column + 1};
  if (error.msg == YAML::ErrorMsg::EOF_IN_SCALAR && !tree.nodes.empty()) {
    spot = {tree.nodes.back().line, tree.nodes.back().column};  // not the end of the file, which helps nobody
  }
  if (const auto tab = find_tab(yaml, spot.line)) {
    return core::unexpected(ErrorCode::kInvalid, fmt::format("{}: not valid YAML: a tab in the indentation; use spaces",
                                                             to_string(Place{file, tab->line, tab->column})));
  }
  return core::unexpected(
      ErrorCode::kInvalid,
      fmt::format("{}: not valid YAML: {}", to_string(Place{file, spot.line, spot.column}), explain(error.msg)));
}

}  // namespace

std::size_t Node::find(std::string_view key) const {
  if (index.empty()) {
    std::size_t i = 0;
    while (i < entries.size() && entries[i].key != key) ++i;
    return i;
  }
  const auto found = index.find(std::string(key));
  return found == index.end() ? entries.size() : found->second;
}

core::Result<std::unique_ptr<Tree>> parse_tree(std::string_view yaml, const std::string& file,
                                               std::vector<Problem>& problems) {
  if (yaml.size() > kFileBytesMax) {
    return core::unexpected(
        ErrorCode::kInvalid,
        fmt::format("{}: larger than {} MiB, the limit of a configuration file", file, kFileBytesMax >> 20));
  }
  if (const auto spot = find_unreadable(yaml)) {
    return core::unexpected(ErrorCode::kInvalid,
                            fmt::format("{}: a control character or not UTF-8; save the file as UTF-8 text",
                                        to_string(Place{file, spot->line, spot->column})));
  }
  auto tree = std::make_unique<Tree>();
  tree->file = file;
  try {
    std::string text(yaml);
    if (!text.ends_with('\n')) text += '\n';
    text += kEndMark;
    std::istringstream in(text);
    YAML::Parser parser(in);
    Builder builder(*tree, problems);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    return syntax_error(*tree, yaml, error);
  } catch (const std::exception& error) {
    return core::unexpected(ErrorCode::kInvalid, fmt::format("{}: not valid YAML: {}", file, error.what()));
  }
  if (tree->root != nullptr && tree->root->kind != NodeKind::kMap && tree->root->kind != NodeKind::kNull) {
    return core::unexpected(ErrorCode::kInvalid,
                            fmt::format("{}: must hold 'key: value' lines at its top level",
                                        to_string(Place{file, tree->root->line, tree->root->column})));
  }
  return tree;
}

core::Result<std::string> read_text_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return core::unexpected(ErrorCode::kIo, fmt::format("{}: is a folder, not a file", path));
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return core::unexpected(code, fmt::format("{}: cannot be read: {}", path, std::generic_category().message(errno)));
  }
  std::string text;
  char buffer[1 << 16];
  while (text.size() <= kFileBytesMax && (in.read(buffer, sizeof(buffer)), in.gcount() > 0)) {
    text.append(buffer, static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) return core::unexpected(ErrorCode::kIo, fmt::format("{}: reading it failed", path));
  return text;
}

}  // namespace millwright::config::detail
