#include "io/descriptors.hpp"

#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace millwright::io {
namespace {

TEST(Descriptors, ThoseForSelectRunOutBeforeTheOthers) {
  raise_descriptor_limit();
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_cur < 1100) GTEST_SKIP() << "this system allows only " << limit.rlim_cur << " descriptors";
  EXPECT_TRUE(check_fits_select());
  std::vector<int> open;
  while (open.size() < 1024) open.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto full = check_fits_select();
  EXPECT_FALSE(full);
  for (const int fd : open) ::close(fd);
  EXPECT_TRUE(check_fits_select());
}

}  // namespace
}  // namespace millwright::io
