#include "io/descriptors.hpp"

#include <algorithm>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

namespace millwright::io {
namespace {

constexpr rlim_t kWanted = 65'536;
// What others may open between the question and the connection.
constexpr int kMargin = 8;

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, kWanted);
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

core::Status check_fits_select() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  if (fd >= 0 && fd + kMargin < FD_SETSIZE) return {};
  return core::unexpected(core::ErrorCode::kUnavailable,
                          "too many connections are open for another of this kind: waiting until some end");
}

}  // namespace millwright::io
