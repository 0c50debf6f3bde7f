// InputFile: a file or standard input ("-") read in pieces. Lines: the lines of it.
//
// Threads: one owner. Errors: kNotFound, kIo with the path. Limits: kLineBytesMax a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace millwright::history {

class InputFile {
 public:
  static core::Result<InputFile> open(const std::string& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  [[nodiscard]] const std::string& name() const { return name_; }  // "<stdin>" for "-"
  // Appends up to 1 MiB. False: it was at its end.
  core::Result<bool> read(std::string& text);
  // How much of it was read, 0 to 1; 0 where its size is not known.
  [[nodiscard]] double part_read() const;

 private:
  InputFile() = default;
  std::string name_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::uint64_t read_ = 0;
};

class Lines {
 public:
  static constexpr std::size_t kLineBytesMax = 4 * 1024 * 1024;
  static constexpr std::size_t kQuotedBytesMax = 64 * 1024;

  // `head` is what was read of the file before.
  Lines(InputFile& file, std::string head) : file_(file), buffer_(std::move(head)) {}

  // The next line without its end, valid until the next call. False: there is no more.
  core::Result<bool> next(std::string_view& line);
  // The next line, with those after it that a quote which it leaves open takes in; that line alone where the quote is
  // not closed within kQuotedBytesMax.
  core::Result<bool> next_record(std::string_view& record);
  // As many whole lines as are there, with their ends; the last line may lack its. number() is the first one's.
  core::Result<bool> next_many(std::string_view& lines);
  [[nodiscard]] std::uint64_t number() const { return number_; }  // of the line last given, from 1

 private:
  core::Result<bool> read_on();

  InputFile& file_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t many_ = 0;  // lines of the last next_many() after its first
  bool ended_ = false;
};

}  // namespace millwright::history
