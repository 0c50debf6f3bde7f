#include "http/gzip.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <zlib.h>

namespace millwright::http {
namespace {

constexpr int kGzipWindow = MAX_WBITS + 16;  // zlib: the largest window, with a gzip head
constexpr std::size_t kFirstRoom = 64 * 1024;

Bytef* in_bytes(std::string_view text) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));  // zlib reads it only
}

uInt clamp(std::size_t bytes) {
  return static_cast<uInt>(std::min<std::size_t>(bytes, std::numeric_limits<uInt>::max()));
}

// Ends zlib's stream whichever way out.
struct Inflater {
  Inflater() : ready(inflateInit2(&stream, kGzipWindow) == Z_OK) {}
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream{};
  const bool ready;
};

core::Unexpected corrupt(std::string_view what) {
  return core::unexpected(core::ErrorCode::kCorrupt, fmt::format("the body is no whole gzip: {}", what));
}

}  // namespace

core::Result<std::string> gunzip(std::string_view packed, std::size_t bytes_max) {
  Inflater inflater;
  if (!inflater.ready) return core::unexpected(core::ErrorCode::kFull, "no memory to unpack gzip");
  z_stream& z = inflater.stream;
  std::string out;
  std::size_t used = 0;
  std::size_t taken = 0;
  for (;;) {
    if (used == out.size()) {
      // One byte more than allowed tells a text that is too long from one that just fits.
      if (used > bytes_max) {
        return core::unexpected(core::ErrorCode::kFull,
                                fmt::format("the body unpacks to more than {} bytes", bytes_max));
      }
      out.resize(std::min(std::max(kFirstRoom, 2 * used), bytes_max + 1));
    }
    z.next_in = in_bytes(packed.substr(taken));
    z.avail_in = clamp(packed.size() - taken);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    z.avail_out = clamp(out.size() - used);
    const uInt in_before = z.avail_in;
    const uInt out_before = z.avail_out;
    const int done = inflate(&z, Z_NO_FLUSH);
    taken += in_before - z.avail_in;
    used += out_before - z.avail_out;
    if (done == Z_STREAM_END) {
      if (taken == packed.size()) break;
      inflateReset(&z);  // another member
    } else if (done == Z_BUF_ERROR || (done == Z_OK && taken == packed.size() && z.avail_out != 0)) {
      return corrupt("it is cut off");
    } else if (done != Z_OK) {
      return corrupt(z.msg != nullptr ? z.msg : "zlib cannot read it");
    }
  }
  if (used > bytes_max) {
    return core::unexpected(core::ErrorCode::kFull, fmt::format("the body unpacks to more than {} bytes", bytes_max));
  }
  out.resize(used);
  return out;
}

std::string gzip(std::string_view text) {
  z_stream z{};
  ASSERT(deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK,
         "no memory to pack gzip");
  std::string out(deflateBound(&z, text.size()), '\0');
  ASSERT(text.size() <= std::numeric_limits<uInt>::max(), "too long to be packed at once");
  z.next_in = in_bytes(text);
  z.avail_in = clamp(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = clamp(out.size());
  ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END, "deflateBound was too small");
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

}  // namespace millwright::http
