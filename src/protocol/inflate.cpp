#include "protocol/inflate.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include <fmt/format.h>
#include <zlib.h>

namespace millwright::protocol {
namespace {

constexpr int kEitherFrame = MAX_WBITS + 32;
constexpr std::size_t kStepBytes = std::size_t{64} << 10;

struct End {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};

}  // namespace

core::Result<std::string> inflate(std::string_view packed, std::size_t bytes_max) {
  z_stream stream{};
  if (packed.size() > std::numeric_limits<uInt>::max() || inflateInit2(&stream, kEitherFrame) != Z_OK) {
    return core::unexpected(core::ErrorCode::kFull, "no memory to unpack it");
  }
  const std::unique_ptr<z_stream, End> end(&stream);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  while (true) {
    const std::size_t had = out.size();
    const std::size_t step = std::min(kStepBytes, bytes_max + 1 - had);
    out.resize(had + step);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.avail_out = static_cast<uInt>(step);
    const int code = ::inflate(&stream, Z_NO_FLUSH);
    out.resize(had + step - stream.avail_out);
    if (out.size() > bytes_max) {
      return core::unexpected(core::ErrorCode::kFull, fmt::format("it unpacks to more than {} bytes", bytes_max));
    }
    if (code == Z_STREAM_END) return out;
    if (code != Z_OK) return core::unexpected(core::ErrorCode::kCorrupt, "neither DEFLATE nor GZIP, or damaged");
  }
}

}  // namespace millwright::protocol
