// What strangers and files hand to the access module: bearer tokens, key sets, places, audit logs' ends, bodies.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "access/audit.hpp"
#include "access/jwt.hpp"
#include "access/role.hpp"
#include "access/token.hpp"
#include "core/assert.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millwright::access;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The private half is public, in RFC 8037, but no seed uses it: no token is ever right, and every step is taken.
  static const auto keys =
      KeySet::parse(R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
  ASSERT(keys.has_value(), "a key of RFC 8037");
  const JwtRules rules{.algorithms = {Algorithm::kRs256, Algorithm::kEs256, Algorithm::kEdDsa},
                       .issuer = "https://id.example",
                       .audience = "millwright"};
  const auto claims = verify_jwt(text, *keys, rules, 1'700'000'000'000'000'000);
  ASSERT(!claims, "signatures are not found by chance");
  static_cast<void>(KeySet::parse(text));
  if (const auto scope = Scope::parse(text)) {
    ASSERT(!scope->places().empty() && Scope::parse(scope->text())->text() == scope->text(), "a scope reads back");
    ASSERT(scope->covers(*scope) && scope->common(*scope) == *scope, "a scope is its own");
  }
  if (const auto bytes = from_base64url(text)) ASSERT(base64url(*bytes) == text, "one text for each bytes");
  if (const auto head = parse_head(text)) ASSERT(parse_head(to_text(*head))->seal == head->seal, "an end reads back");
  ASSERT(without_secrets(without_secrets(text)) == without_secrets(text), "nothing is left to leave out");
  return 0;
}
