#include "access/role.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::access {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Scope scope(const std::vector<std::string>& places) {
  const auto parsed = Scope::parse(places);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? *parsed : Scope();
}

TEST(RoleTest, RolesAreKnownByName) {
  for (const std::string_view name : kRoleNames) EXPECT_EQ(to_string(*parse_role(name)), name);
  EXPECT_THAT(parse_role("enginer").error().message, HasSubstr("did you mean 'engineer'"));
  EXPECT_LT(Role::kViewer, Role::kOperator);
  EXPECT_LT(Role::kEngineer, Role::kAdmin);
}

TEST(RoleTest, NothingIsSeenByDefault) {
  EXPECT_FALSE(Scope().sees("acme/lyon/a/b/c/pump-1"));
  EXPECT_FALSE(Scope().sees(""));
  EXPECT_FALSE(Scope::parse(std::vector<std::string>{}));
}

TEST(RoleTest, APlaceIsSeenWithAllBelowItAndNothingBeside) {
  const Scope lyon = scope({"acme/lyon"});
  EXPECT_TRUE(lyon.sees("acme/lyon"));
  EXPECT_TRUE(lyon.sees("acme/lyon/utilities/cooling/pumps/pump-1"));
  EXPECT_FALSE(lyon.sees("acme"));
  EXPECT_FALSE(lyon.sees("acme/lyon-2/utilities"));
  EXPECT_FALSE(lyon.sees("acme/paris"));
  EXPECT_FALSE(lyon.sees("globex/lyon"));
  EXPECT_TRUE(Scope::whole_plant().sees("globex/lyon"));
}

TEST(RoleTest, PlacesAreCheckedSortedAndSaidOnce) {
  EXPECT_THAT(scope({"globex", "acme/lyon/a", "acme/lyon", "globex"}).places(), ElementsAre("acme/lyon", "globex"));
  EXPECT_THAT(scope({"acme", "*"}).places(), ElementsAre("*"));
  EXPECT_EQ(Scope::parse(scope({"b/c", "a"}).text())->text(), "a b/c");
  for (const char* bad : {"", "/acme", "acme/", "Acme", "acme//lyon", "acme/*", "..", "acme lyon"}) {
    EXPECT_FALSE(Scope::parse(std::vector<std::string>{bad})) << bad;
  }
}

TEST(RoleTest, ScopesCompareAndMeet) {
  const Scope acme = scope({"acme"});
  const Scope both = scope({"acme/lyon", "globex"});
  EXPECT_TRUE(Scope::whole_plant().covers(acme));
  EXPECT_FALSE(acme.covers(Scope::whole_plant()));
  EXPECT_TRUE(acme.covers(scope({"acme/lyon"})));
  EXPECT_FALSE(acme.covers(both));
  EXPECT_THAT(acme.common(both).places(), ElementsAre("acme/lyon"));
  EXPECT_THAT(both.common(acme).places(), ElementsAre("acme/lyon"));
  EXPECT_THAT(acme.common(scope({"globex"})).places(), ElementsAre());
  EXPECT_EQ(Scope::whole_plant().common(both), both);
}

}  // namespace
}  // namespace millwright::access
