#include "connectors/opcua_structure.hpp"

#include <algorithm>
#include <cstring>

namespace millwright::connectors::opcua_detail {
namespace {

constexpr int kLevelsMax = 64;

// Bytes of a built-in kind that has always as many; 0: it has not.
constexpr std::size_t fixed_size(std::uint32_t kind) {
  switch (kind) {
    case UA_DATATYPEKIND_BOOLEAN:
    case UA_DATATYPEKIND_SBYTE:
    case UA_DATATYPEKIND_BYTE:
      return 1;
    case UA_DATATYPEKIND_INT16:
    case UA_DATATYPEKIND_UINT16:
      return 2;
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_UINT32:
    case UA_DATATYPEKIND_FLOAT:
    case UA_DATATYPEKIND_STATUSCODE:
    case UA_DATATYPEKIND_ENUM:
      return 4;
    case UA_DATATYPEKIND_INT64:
    case UA_DATATYPEKIND_UINT64:
    case UA_DATATYPEKIND_DOUBLE:
    case UA_DATATYPEKIND_DATETIME:
      return 8;
    case UA_DATATYPEKIND_GUID:
      return 16;
    default:
      return 0;
  }
}

bool is_structure(std::uint32_t kind) {
  return kind == UA_DATATYPEKIND_STRUCTURE || kind == UA_DATATYPEKIND_OPTSTRUCT || kind == UA_DATATYPEKIND_UNION;
}

// Reads forwards; once something does not fit, nothing more is read.
class Bytes {
 public:
  Bytes(const UA_Byte* data, std::size_t size) : data_(data), size_(size) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left() const { return size_ - at_; }
  [[nodiscard]] const UA_Byte* here() const { return data_ + at_; }
  void fail() { ok_ = false; }
  bool skip(std::size_t n) {
    if (!ok_ || n > left()) return ok_ = false;
    at_ += n;
    return true;
  }
  // The encoding is little-endian, as the machines are that this is built for.
  template <typename T>
  T take() {
    T value{};
    if (const UA_Byte* from = here(); skip(sizeof(T))) std::memcpy(&value, from, sizeof(T));
    return value;
  }
  // A length before as many elements of at least a byte each; -1, of what is null, is 0.
  std::size_t take_length() {
    const auto length = take<std::int32_t>();
    if (length <= 0) return 0;
    if (static_cast<std::size_t>(length) > left()) ok_ = false;
    return ok_ ? static_cast<std::size_t>(length) : 0;
  }
  UA_String take_text() {
    const std::size_t length = take_length();
    UA_String text{length, const_cast<UA_Byte*>(here())};
    skip(length);
    return text;
  }

 private:
  const UA_Byte* data_;
  std::size_t size_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

// A NodeId, which points into the bytes (OPC 10000-6, 5.2.2.9). The flags are of an ExpandedNodeId.
UA_NodeId take_node_id(Bytes& in) {
  UA_NodeId id = UA_NODEID_NULL;
  const auto form = in.take<std::uint8_t>();
  switch (form & 0x3F) {
    case 0:
      id.identifier.numeric = in.take<std::uint8_t>();
      break;
    case 1:
      id.namespaceIndex = in.take<std::uint8_t>();
      id.identifier.numeric = in.take<std::uint16_t>();
      break;
    case 2:
      id.namespaceIndex = in.take<std::uint16_t>();
      id.identifier.numeric = in.take<std::uint32_t>();
      break;
    case 3:
    case 5:
      id.namespaceIndex = in.take<std::uint16_t>();
      id.identifierType = (form & 0x3F) == 3 ? UA_NODEIDTYPE_STRING : UA_NODEIDTYPE_BYTESTRING;
      id.identifier.string = in.take_text();
      break;
    case 4:
      id.namespaceIndex = in.take<std::uint16_t>();
      id.identifierType = UA_NODEIDTYPE_GUID;
      id.identifier.guid = in.take<UA_Guid>();
      break;
    default:
      in.fail();
  }
  if ((form & 0x80) != 0) in.take_text();
  if ((form & 0x40) != 0) in.skip(4);
  return id;
}

void skip_kind(Bytes& in, std::uint32_t kind, int level);

void skip_array(Bytes& in, std::uint32_t kind, int level) {
  const std::size_t n = in.take_length();
  if (const std::size_t size = fixed_size(kind); size != 0) {
    in.skip(n * size);
    return;
  }
  for (std::size_t i = 0; i < n && in.ok(); ++i) skip_kind(in, kind, level);
}

void skip_variant(Bytes& in, int level) {
  const auto mask = in.take<std::uint8_t>();
  const std::uint32_t type = mask & 0x3FU;
  if (type == 0) return;
  if (type > 25) return in.fail();
  const std::uint32_t kind = type - 1;
  if ((mask & 0x80) != 0) {
    skip_array(in, kind, level);
  } else {
    skip_kind(in, kind, level);
  }
  if ((mask & 0x40) != 0) skip_array(in, UA_DATATYPEKIND_INT32, level);
}

void skip_data_value(Bytes& in, int level) {
  const auto mask = in.take<std::uint8_t>();
  if ((mask & 0x01) != 0) skip_variant(in, level);
  constexpr std::array<std::pair<int, std::size_t>, 5> kRest{{{0x02, 4}, {0x04, 8}, {0x10, 2}, {0x08, 8}, {0x20, 2}}};
  for (const auto& [bit, size] : kRest) {
    if ((mask & bit) != 0) in.skip(size);
  }
}

void skip_diagnostics(Bytes& in, int level) {
  const auto mask = in.take<std::uint8_t>();
  for (const int bit : {0x01, 0x02, 0x08, 0x04}) {
    if ((mask & bit) != 0) in.skip(4);
  }
  if ((mask & 0x10) != 0) in.take_text();
  if ((mask & 0x20) != 0) in.skip(4);
  if ((mask & 0x40) != 0) skip_kind(in, UA_DATATYPEKIND_DIAGNOSTICINFO, level);
}

// A value of a built-in kind.
void skip_kind(Bytes& in, std::uint32_t kind, int level) {
  if (--level < 0) return in.fail();
  if (const std::size_t size = fixed_size(kind); size != 0) {
    in.skip(size);
    return;
  }
  switch (kind) {
    case UA_DATATYPEKIND_STRING:
    case UA_DATATYPEKIND_BYTESTRING:
    case UA_DATATYPEKIND_XMLELEMENT:
      in.take_text();
      break;
    case UA_DATATYPEKIND_NODEID:
    case UA_DATATYPEKIND_EXPANDEDNODEID:
      take_node_id(in);
      break;
    case UA_DATATYPEKIND_QUALIFIEDNAME:
      in.skip(2);
      in.take_text();
      break;
    case UA_DATATYPEKIND_LOCALIZEDTEXT: {
      const auto mask = in.take<std::uint8_t>();
      if ((mask & 1) != 0) in.take_text();
      if ((mask & 2) != 0) in.take_text();
      break;
    }
    case UA_DATATYPEKIND_EXTENSIONOBJECT:
      take_node_id(in);
      if (in.take<std::uint8_t>() != 0) in.take_text();
      break;
    case UA_DATATYPEKIND_DATAVALUE:
      skip_data_value(in, level);
      break;
    case UA_DATATYPEKIND_VARIANT:
      skip_variant(in, level);
      break;
    case UA_DATATYPEKIND_DIAGNOSTICINFO:
      skip_diagnostics(in, level);
      break;
    default:
      in.fail();
  }
}

// Finds a part in the bytes of a structure; what lies before it is skipped.
class Walk {
 public:
  Walk(const StructureTypes& types, Found& found) : types_(types), found_(found) {}

  UA_StatusCode in_structure(Bytes& in, const Structure& structure, std::span<const Step> path) {
    if (path.empty() || path.front().field.empty()) return UA_STATUSCODE_BADTYPEMISMATCH;
    const bool is_named = std::any_of(structure.fields.begin(), structure.fields.end(),
                                      [&](const StructureField& f) { return f.name == path.front().field; });
    if (structure.is_known && !is_named) return UA_STATUSCODE_BADNOTFOUND;
    bool is_there = false;
    const StructureField* wanted = nullptr;
    for_each_field(in, structure, kLevelsMax, [&](const StructureField& field, bool is_present) {
      if (field.name != path.front().field) return false;
      wanted = &field;
      is_there = is_present;
      return true;
    });
    if (wanted == nullptr && !structure.is_known) return UA_STATUSCODE_BADDATAENCODINGUNSUPPORTED;
    if (!in.ok() || wanted == nullptr) return UA_STATUSCODE_BADDECODINGERROR;
    if (!is_there) return UA_STATUSCODE_BADNODATA;
    const UA_StatusCode code = in_field(in, *wanted, path.subspan(1));
    return in.ok() ? code : UA_STATUSCODE_BADDECODINGERROR;
  }

 private:
  // Goes over the fields, those that are not there too, until `stop` says so; it is then where that field begins.
  template <typename Stop>
  void for_each_field(Bytes& in, const Structure& structure, int level, Stop stop) {
    if (--level < 0) return in.fail();
    std::uint32_t mask = 0;
    if (structure.form != Structure::Form::kPlain) mask = in.take<std::uint32_t>();
    std::uint32_t bit = 1;
    for (std::size_t i = 0; i < structure.fields.size() && in.ok(); ++i) {
      const StructureField& field = structure.fields[i];
      bool is_present = true;
      if (structure.form == Structure::Form::kUnion) {
        is_present = mask == i + 1;
      } else if (structure.form == Structure::Form::kOptional && field.is_optional) {
        is_present = (mask & bit) != 0;
        bit <<= 1;
      }
      if (stop(field, is_present)) return;
      if (is_present) skip_field(in, field, level);
    }
    // What comes after the last field that is known cannot be told apart.
    if (!structure.is_known && structure.form != Structure::Form::kUnion) in.fail();
  }

  void skip_field(Bytes& in, const StructureField& field, int level) {
    std::size_t n = 1;
    if (field.dimensions == 1) n = in.take_length();
    if (field.dimensions > 1) n = take_dimensions(in).second;
    if (const std::size_t size = fixed_size(field.type.kind); size != 0) {
      in.skip(n > in.left() ? in.left() + 1 : n * size);
      return;
    }
    for (std::size_t i = 0; i < n && in.ok(); ++i) skip_value(in, field.type, level);
  }
  void skip_value(Bytes& in, const FieldType& type, int level) {
    if (type.structure == nullptr) return skip_kind(in, type.kind, level);
    for_each_field(in, *type.structure, level, [](const StructureField&, bool) { return false; });
  }

  // The lengths of a matrix and their product, which is no more than the bytes that are left.
  static std::pair<std::vector<std::uint32_t>, std::size_t> take_dimensions(Bytes& in) {
    std::vector<std::uint32_t> lengths(std::min<std::size_t>(in.take_length(), 16));
    std::size_t product = lengths.empty() ? 0 : 1;
    for (std::uint32_t& length : lengths) {
      length = in.take<std::uint32_t>();
      product = length == 0 ? 0 : product * std::min<std::size_t>(length, in.left() + 1);
      if (product > in.left()) in.fail();
    }
    return {lengths, in.ok() ? product : 0};
  }

  UA_StatusCode in_field(Bytes& in, const StructureField& field, std::span<const Step> path) {
    if (field.dimensions == 0) return in_value(in, field.type, path);
    if (path.empty()) return UA_STATUSCODE_BADTYPEMISMATCH;
    const std::vector<std::uint32_t>& index = path.front().index;
    std::vector<std::uint32_t> lengths;
    if (field.dimensions == 1) {
      lengths = {static_cast<std::uint32_t>(in.take_length())};
    } else {
      lengths = take_dimensions(in).first;
    }
    if (!in.ok()) return UA_STATUSCODE_BADDECODINGERROR;
    std::size_t at = 0;
    if (index.size() != lengths.size()) return UA_STATUSCODE_BADINDEXRANGENODATA;
    for (std::size_t i = 0; i < index.size(); ++i) {
      if (index[i] >= lengths[i]) return UA_STATUSCODE_BADINDEXRANGENODATA;
      at = at * lengths[i] + index[i];
    }
    if (const std::size_t size = fixed_size(field.type.kind); size != 0) {
      in.skip(at * size);
    } else {
      for (std::size_t i = 0; i < at && in.ok(); ++i) skip_value(in, field.type, kLevelsMax);
    }
    return in_value(in, field.type, path.subspan(1));
  }

  UA_StatusCode in_value(Bytes& in, const FieldType& type, std::span<const Step> path) {
    if (type.structure != nullptr) return in_structure(in, *type.structure, path);
    if (type.kind == UA_DATATYPEKIND_EXTENSIONOBJECT) return in_object(in, path);
    if (type.kind == UA_DATATYPEKIND_VARIANT) return in_variant(in, path);
    return path.empty() ? take_scalar(in, type.kind) : UA_STATUSCODE_BADTYPEMISMATCH;
  }

  // A structure of whatever type, which says which.
  UA_StatusCode in_object(Bytes& in, std::span<const Step> path) {
    const UA_NodeId encoding = take_node_id(in);
    const auto form = in.take<std::uint8_t>();
    if (!in.ok()) return UA_STATUSCODE_BADDECODINGERROR;
    if (form != 1) return form == 0 ? UA_STATUSCODE_BADNODATA : UA_STATUSCODE_BADDATAENCODINGUNSUPPORTED;
    const UA_String body = in.take_text();
    if (!in.ok()) return UA_STATUSCODE_BADDECODINGERROR;
    return find_in_bytes(encoding, body, path, types_, found_);
  }

  UA_StatusCode in_variant(Bytes& in, std::span<const Step> path) {
    const UA_ByteString rest{in.left(), const_cast<UA_Byte*>(in.here())};
    UA_Variant& value = *found_.variants.emplace_back();
    if (UA_decodeBinary(&rest, &value, &UA_TYPES[UA_TYPES_VARIANT], nullptr) != UA_STATUSCODE_GOOD) {
      UA_Variant_init(&value);
      return UA_STATUSCODE_BADDECODINGERROR;
    }
    return find_part(value, path, types_, found_);
  }

  UA_StatusCode take_scalar(Bytes& in, std::uint32_t kind) {
    if (kind == UA_DATATYPEKIND_ENUM) kind = UA_DATATYPEKIND_INT32;
    if (const std::size_t size = fixed_size(kind); size != 0) {
      if (const UA_Byte* from = in.here(); in.skip(size)) std::memcpy(found_.scalar.data(), from, size);
    } else if (kind == UA_DATATYPEKIND_STRING) {
      put_text(in.take_text());
    } else if (kind == UA_DATATYPEKIND_LOCALIZEDTEXT) {
      const auto mask = in.take<std::uint8_t>();
      if ((mask & 1) != 0) in.take_text();
      put_text((mask & 2) != 0 ? in.take_text() : UA_STRING_NULL);
      kind = UA_DATATYPEKIND_STRING;
    } else {
      return UA_STATUSCODE_BADTYPEMISMATCH;
    }
    // The built-in types are the first of the library's, in the order of their kinds.
    UA_Variant_setScalar(&found_.value, found_.scalar.data(), &UA_TYPES[kind]);
    return UA_STATUSCODE_GOOD;
  }
  void put_text(const UA_String& text) {
    static_assert(sizeof(UA_String) <= sizeof found_.scalar);
    std::memcpy(found_.scalar.data(), &text, sizeof text);
  }

 public:
  static UA_StatusCode find_in_bytes(const UA_NodeId& encoding, const UA_String& body, std::span<const Step> path,
                                     const StructureTypes& types, Found& found) {
    if (path.empty()) return UA_STATUSCODE_BADTYPEMISMATCH;
    const Structure* structure = types.find(encoding);
    if (structure == nullptr) {
      UA_NodeId_clear(&*found.unknown);
      UA_NodeId_copy(&encoding, &*found.unknown);
      return UA_STATUSCODE_BADDATAENCODINGUNSUPPORTED;
    }
    Bytes in(body.data, body.length);
    return Walk(types, found).in_structure(in, *structure, path);
  }

 private:
  const StructureTypes& types_;
  Found& found_;
};

// One element of an array; BadIndexRangeNoData where there is none.
UA_StatusCode element_of(const UA_Variant& value, const std::vector<std::uint32_t>& index, const void*& out) {
  if (UA_Variant_isScalar(&value)) return UA_STATUSCODE_BADINDEXRANGENODATA;
  std::size_t at = 0;
  const std::size_t dimensions = std::max<std::size_t>(1, value.arrayDimensionsSize);
  if (index.size() != dimensions) return UA_STATUSCODE_BADINDEXRANGENODATA;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const std::size_t length = value.arrayDimensionsSize == 0 ? value.arrayLength : value.arrayDimensions[i];
    if (index[i] >= length) return UA_STATUSCODE_BADINDEXRANGENODATA;
    at = at * length + index[i];
  }
  if (at >= value.arrayLength) return UA_STATUSCODE_BADINDEXRANGENODATA;
  out = static_cast<const std::byte*>(value.data) + at * value.type->memSize;
  return UA_STATUSCODE_GOOD;
}

// In a value of a structure that the library has taken apart: put together again, so that there is one way to read.
UA_StatusCode in_known(const void* data, const UA_DataType& type, std::span<const Step> path,
                       const StructureTypes& types, Found& found) {
  if (path.empty() || !is_structure(type.typeKind)) return UA_STATUSCODE_BADTYPEMISMATCH;
  UA_ByteString& bytes = *found.bytes.emplace_back();
  if (UA_encodeBinary(data, &type, &bytes) != UA_STATUSCODE_GOOD) return UA_STATUSCODE_BADDECODINGERROR;
  Bytes in(bytes.data, bytes.length);
  return Walk(types, found).in_structure(in, types.of(type), path);
}

}  // namespace

const Structure* StructureTypes::find(const UA_NodeId& encoding) const {
  const auto at = by_encoding_.find(encoding);
  if (at != by_encoding_.end()) return at->second;
  if (encoding.namespaceIndex != 0) return nullptr;
  for (std::size_t i = 0; i < UA_TYPES_COUNT; ++i) {
    const UA_DataType& type = UA_TYPES[i];
    if (is_structure(type.typeKind) && UA_NodeId_equal(&type.binaryEncodingId, &encoding)) return &of(type);
  }
  return nullptr;
}

const Structure& StructureTypes::of(const UA_DataType& type) const {
  const auto [at, is_new] = of_library_.try_emplace(&type);
  if (!is_new) return *at->second;
  Structure& structure = structures_.emplace_back();
  at->second = &structure;
  if (type.typeKind == UA_DATATYPEKIND_OPTSTRUCT) structure.form = Structure::Form::kOptional;
  if (type.typeKind == UA_DATATYPEKIND_UNION) structure.form = Structure::Form::kUnion;
  for (std::size_t i = 0; i < type.membersSize; ++i) {
    const UA_DataTypeMember& member = type.members[i];
    StructureField& field = structure.fields.emplace_back();
    field.name = member.memberName == nullptr ? "" : member.memberName;
    // The library calls them as C does; OPC UA with a capital.
    if (!field.name.empty() && field.name[0] >= 'a' && field.name[0] <= 'z') {
      field.name[0] = static_cast<char>(field.name[0] - 'a' + 'A');
    }
    field.type.kind = member.memberType->typeKind;
    if (is_structure(field.type.kind)) field.type.structure = &of(*member.memberType);
    field.dimensions = member.isArray ? 1 : 0;
    field.is_optional = member.isOptional;
  }
  return structure;
}

void StructureTypes::name(const UA_NodeId& encoding, const Structure& structure) {
  NodeId key;
  UA_NodeId_copy(&encoding, &*key);
  by_encoding_.insert_or_assign(std::move(key), &structure);
}

void StructureTypes::clear() {
  by_encoding_.clear();
  of_library_.clear();
  structures_.clear();
}

UA_StatusCode find_part(const UA_Variant& value, std::span<const Step> path, const StructureTypes& types,
                        Found& found) {
  if (path.empty()) {
    found.value = value;
    return UA_STATUSCODE_GOOD;
  }
  if (UA_Variant_isEmpty(&value)) return UA_STATUSCODE_BADNODATA;
  const void* data = value.data;
  if (path.front().field.empty()) {
    if (const UA_StatusCode code = element_of(value, path.front().index, data); code != UA_STATUSCODE_GOOD) return code;
    path = path.subspan(1);
  } else if (!UA_Variant_isScalar(&value)) {
    return UA_STATUSCODE_BADTYPEMISMATCH;
  }
  if (value.type == &UA_TYPES[UA_TYPES_VARIANT]) {
    return find_part(*static_cast<const UA_Variant*>(data), path, types, found);
  }
  if (path.empty()) {
    UA_Variant_setScalar(&found.value, const_cast<void*>(data), value.type);
    return UA_STATUSCODE_GOOD;
  }
  if (value.type != &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]) return in_known(data, *value.type, path, types, found);
  const auto& object = *static_cast<const UA_ExtensionObject*>(data);
  if (object.encoding == UA_EXTENSIONOBJECT_ENCODED_BYTESTRING) {
    return Walk::find_in_bytes(object.content.encoded.typeId, object.content.encoded.body, path, types, found);
  }
  const bool is_decoded =
      object.encoding == UA_EXTENSIONOBJECT_DECODED || object.encoding == UA_EXTENSIONOBJECT_DECODED_NODELETE;
  if (!is_decoded) return UA_STATUSCODE_BADDATAENCODINGUNSUPPORTED;
  return in_known(object.content.decoded.data, *object.content.decoded.type, path, types, found);
}

}  // namespace millwright::connectors::opcua_detail
