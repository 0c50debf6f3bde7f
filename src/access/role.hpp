// Who may do how much, and where: the five roles, the part of the plant that somebody sees, and the principal, which is
// both with a name.
//
// A scope is a list of places, each an asset path or the beginning of one ("acme", "acme/lyon", …), or "*" for the
// whole plant. The first part of a path is the enterprise, and an enterprise is a tenant: who has places of one sees
// nothing of another. Nothing is seen by default.
//
// Threads: values. Limits: kPlacesMax places, each of kPlaceLongest bytes. Errors: kInvalid with the place.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "access/token.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::access {

// Each may do what those before it may.
enum class Role : std::uint8_t { kViewer, kOperator, kMaintainer, kEngineer, kAdmin };

inline constexpr std::array<std::string_view, 5> kRoleNames = {"viewer", "operator", "maintainer", "engineer", "admin"};

std::string_view to_string(Role role);
core::Result<Role> parse_role(std::string_view text);

class Scope {
 public:
  static constexpr std::size_t kPlacesMax = 1000;
  static constexpr std::size_t kPlaceLongest = 500;

  Scope() = default;  // sees nothing
  static Scope whole_plant();
  // Sorted; what another place holds already is left out. An empty list is an error: it would see nothing.
  static core::Result<Scope> parse(std::span<const std::string> places);
  // As text() gives it.
  static core::Result<Scope> parse(std::string_view text);

  [[nodiscard]] bool sees(std::string_view path) const;
  [[nodiscard]] bool is_whole_plant() const { return whole_; }
  // Whether all that `other` sees is seen.
  [[nodiscard]] bool covers(const Scope& other) const;
  // What both see.
  [[nodiscard]] Scope common(const Scope& other) const;
  [[nodiscard]] std::vector<std::string> places() const;  // {"*"} for the whole plant
  [[nodiscard]] std::string text() const;                 // the places, a space between
  bool operator==(const Scope&) const = default;

 private:
  bool whole_ = false;
  std::vector<std::string> places_;
};

enum class Proof : std::uint8_t { kLocal, kSession, kToken, kOpenId };

struct Principal {
  std::string name;
  Role role = Role::kViewer;
  Scope scope;
  Proof proof = Proof::kLocal;
  std::string credential{};  // which session or token, for whoever ends it; no secret
  std::string token_name{};  // of an API token
  core::TimeNs expires = INT64_MAX;
  Digest digest{};  // of what was shown as proof
};
// How somebody is known, for people: "session", "token 3f9a…", "openid", "local".
std::string proof_text(const Principal& principal);

}  // namespace millwright::access
