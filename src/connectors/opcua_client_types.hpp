// Owners for open62541's C types, so that nothing of them leaks.
//
// Threads: a value type, one owner.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <open62541/types.h>
#include <open62541/types_generated.h>
#include <open62541/types_generated_handling.h>

namespace millwright::connectors::opcua_detail {

// A generated type with its description: Ua<UA_ReadRequest, UA_TYPES_READREQUEST>.
template <typename T, std::size_t kType>
class Ua {
 public:
  Ua() { UA_init(&value_, type()); }
  // Takes what `value` owns.
  explicit Ua(T& value) : value_(value) { UA_init(&value, type()); }
  ~Ua() { UA_clear(&value_, type()); }
  Ua(Ua&& other) noexcept : value_(other.value_) { UA_init(&other.value_, type()); }
  Ua& operator=(Ua&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  Ua(const Ua&) = delete;
  Ua& operator=(const Ua&) = delete;

  static const UA_DataType* type() { return &UA_TYPES[kType]; }
  T* operator->() { return &value_; }
  const T* operator->() const { return &value_; }
  T& operator*() { return value_; }
  const T& operator*() const { return value_; }

 private:
  T value_;
};

using NodeId = Ua<UA_NodeId, UA_TYPES_NODEID>;

inline std::string_view view(const UA_String& text) {
  return text.length == 0 ? std::string_view()
                          : std::string_view(reinterpret_cast<const char*>(text.data), text.length);
}
// Points into `text`; not to be cleared.
inline UA_String borrow(std::string_view text) {
  return {text.size(), reinterpret_cast<UA_Byte*>(const_cast<char*>(text.data()))};
}
inline UA_String copy(std::string_view text) {
  const UA_String borrowed = borrow(text);
  UA_String out;
  UA_String_copy(&borrowed, &out);
  return out;
}

}  // namespace millwright::connectors::opcua_detail
