#include "connectors/opcua_structure.hpp"

#include <gtest/gtest.h>

namespace millwright::connectors::opcua_detail {
namespace {

using ByteString = Ua<UA_ByteString, UA_TYPES_BYTESTRING>;
using Variant = Ua<UA_Variant, UA_TYPES_VARIANT>;

// The bytes of a structure, as a server would send them.
class Encoder {
 public:
  template <typename T>
  Encoder& put(const T& value, std::size_t type) {
    ByteString bytes;
    EXPECT_EQ(UA_encodeBinary(&value, &UA_TYPES[type], &*bytes), UA_STATUSCODE_GOOD);
    data_.append(view(*bytes));
    return *this;
  }
  Encoder& number(double value) { return put(value, UA_TYPES_DOUBLE); }
  Encoder& length(std::int32_t value) { return put(value, UA_TYPES_INT32); }
  Encoder& text(std::string_view value) { return put(borrow(value), UA_TYPES_STRING); }
  Encoder& raw(std::string_view bytes) {
    data_.append(bytes);
    return *this;
  }
  [[nodiscard]] const std::string& data() const { return data_; }

 private:
  std::string data_;
};

constexpr UA_UInt32 kEncoding = 5001;

UA_NodeId encoding(UA_UInt32 number = kEncoding) {
  return {.namespaceIndex = 3, .identifierType = UA_NODEIDTYPE_NUMERIC, .identifier = {.numeric = number}};
}

Variant object_of(const std::string& bytes) {
  UA_ExtensionObject object;
  UA_ExtensionObject_init(&object);
  object.encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
  object.content.encoded.typeId = encoding();
  object.content.encoded.body = borrow(bytes);
  Variant value;
  UA_Variant_setScalarCopy(&*value, &object, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
  return value;
}

StructureField field(std::string name, std::uint32_t kind, int dimensions = 0, const Structure* structure = nullptr) {
  return {.name = std::move(name), .type = {kind, structure}, .dimensions = dimensions, .is_optional = false};
}

class OpcUaStructure : public testing::Test {
 protected:
  OpcUaStructure() {
    inner_ = &types_.add();
    inner_->fields = {field("Name", UA_DATATYPEKIND_STRING), field("Speed", UA_DATATYPEKIND_DOUBLE)};
    outer_ = &types_.add();
    types_.name(encoding(), *outer_);
  }
  std::string text_of(const Variant& value, std::string_view path) {
    const auto parsed = parse_value_path(path);
    EXPECT_TRUE(parsed) << path;
    Found found;
    const UA_StatusCode code = find_part(*value, *parsed, types_, found);
    if (code != UA_STATUSCODE_GOOD) return UA_StatusCode_name(code);
    UA_String text = UA_STRING_NULL;
    UA_print(found.value.data, found.value.type, &text);
    std::string out(view(text));
    UA_String_clear(&text);
    return out;
  }

  StructureTypes types_;
  Structure* inner_;
  Structure* outer_;
};

TEST_F(OpcUaStructure, FieldsBehindWhateverStandsBeforeThem) {
  using K = std::uint32_t;
  for (const K kind :
       {K{UA_DATATYPEKIND_BOOLEAN}, K{UA_DATATYPEKIND_INT16}, K{UA_DATATYPEKIND_STRING}, K{UA_DATATYPEKIND_GUID},
        K{UA_DATATYPEKIND_NODEID}, K{UA_DATATYPEKIND_EXPANDEDNODEID}, K{UA_DATATYPEKIND_QUALIFIEDNAME},
        K{UA_DATATYPEKIND_LOCALIZEDTEXT}, K{UA_DATATYPEKIND_EXTENSIONOBJECT}, K{UA_DATATYPEKIND_DATAVALUE},
        K{UA_DATATYPEKIND_VARIANT}, K{UA_DATATYPEKIND_DIAGNOSTICINFO}, K{UA_DATATYPEKIND_STATUSCODE}}) {
    outer_->fields = {field("Before", kind), field("Value", UA_DATATYPEKIND_DOUBLE)};
    // Empty, and with something in it.
    std::string bytes(UA_TYPES[kind].memSize, '\0');
    Encoder empty;
    ByteString encoded;
    ASSERT_EQ(UA_encodeBinary(bytes.data(), &UA_TYPES[kind], &*encoded), UA_STATUSCODE_GOOD);
    EXPECT_EQ(text_of(object_of(empty.raw(view(*encoded)).number(2.5).data()), "Value"), "2.5") << kind;
  }
  UA_DataValue filled;
  UA_DataValue_init(&filled);
  UA_LocalizedText texts[2] = {UA_LOCALIZEDTEXT(const_cast<char*>("en"), const_cast<char*>("one")),
                               UA_LOCALIZEDTEXT(const_cast<char*>(""), const_cast<char*>("two"))};
  UA_Variant_setArray(&filled.value, texts, 2, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT]);
  filled.hasValue = filled.hasSourceTimestamp = filled.hasServerPicoseconds = filled.hasStatus = true;
  outer_->fields = {field("Before", UA_DATATYPEKIND_DATAVALUE), field("Value", UA_DATATYPEKIND_DOUBLE)};
  EXPECT_EQ(text_of(object_of(Encoder().put(filled, UA_TYPES_DATAVALUE).number(-1).data()), "Value"), "-1.0");
}

TEST_F(OpcUaStructure, StructuresArraysAndMatricesWithin) {
  outer_->fields = {field("Matrix", UA_DATATYPEKIND_INT32, 2), field("Axes", UA_DATATYPEKIND_STRUCTURE, 1, inner_),
                    field("Main", UA_DATATYPEKIND_STRUCTURE, 0, inner_), field("Mode", UA_DATATYPEKIND_ENUM)};
  Encoder bytes;
  bytes.length(2).length(2).length(3);  // two dimensions: 2 by 3
  for (int i = 0; i < 6; ++i) bytes.length(10 * i);
  bytes.length(2).text("x").number(1.5).text("y").number(2.5);
  bytes.text("main").number(3.5).length(7);
  const Variant value = object_of(bytes.data());
  EXPECT_EQ(text_of(value, "Matrix[1,2]"), "50");
  EXPECT_EQ(text_of(value, "Matrix[0,1]"), "10");
  EXPECT_EQ(text_of(value, "Axes[1].Speed"), "2.5");
  EXPECT_EQ(text_of(value, "Axes[0].Name"), "\"x\"");
  EXPECT_EQ(text_of(value, "Main.Speed"), "3.5");
  EXPECT_EQ(text_of(value, "Mode"), "7");
  EXPECT_EQ(text_of(value, "Axes[2].Speed"), "BadIndexRangeNoData");
  EXPECT_EQ(text_of(value, "Matrix[2,0]"), "BadIndexRangeNoData");
  EXPECT_EQ(text_of(value, "Matrix[1]"), "BadIndexRangeNoData");
  EXPECT_EQ(text_of(value, "Main.Torque"), "BadNotFound");
  EXPECT_EQ(text_of(value, "Main"), "BadTypeMismatch");
  EXPECT_EQ(text_of(value, "Mode.More"), "BadTypeMismatch");
}

TEST_F(OpcUaStructure, OptionalFieldsAndUnions) {
  outer_->form = Structure::Form::kOptional;
  outer_->fields = {field("A", UA_DATATYPEKIND_DOUBLE), field("B", UA_DATATYPEKIND_DOUBLE),
                    field("C", UA_DATATYPEKIND_DOUBLE)};
  outer_->fields[1].is_optional = outer_->fields[2].is_optional = true;
  const Variant without_b = object_of(Encoder().put(UA_UInt32{2}, UA_TYPES_UINT32).number(1).number(3).data());
  EXPECT_EQ(text_of(without_b, "A"), "1.0");
  EXPECT_EQ(text_of(without_b, "B"), "BadNoData");
  EXPECT_EQ(text_of(without_b, "C"), "3.0");
  outer_->form = Structure::Form::kUnion;
  const Variant second = object_of(Encoder().put(UA_UInt32{2}, UA_TYPES_UINT32).number(9).data());
  EXPECT_EQ(text_of(second, "A"), "BadNoData");
  EXPECT_EQ(text_of(second, "B"), "9.0");
}

TEST_F(OpcUaStructure, ObjectsAndVariantsWithinSayWhatTheyAre) {
  types_.name(encoding(5002), *inner_);
  const std::string inside = Encoder().text("i").number(8.25).data();
  UA_ExtensionObject object;
  UA_ExtensionObject_init(&object);
  object.encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
  object.content.encoded.typeId = encoding(5002);
  object.content.encoded.body = borrow(inside);
  UA_Variant variant;
  UA_Variant_init(&variant);
  double numbers[3] = {1, 2, 3};
  UA_Variant_setArray(&variant, numbers, 3, &UA_TYPES[UA_TYPES_DOUBLE]);
  outer_->fields = {field("Any", UA_DATATYPEKIND_EXTENSIONOBJECT), field("Number", UA_DATATYPEKIND_VARIANT),
                    field("Last", UA_DATATYPEKIND_DOUBLE)};
  const Variant value =
      object_of(Encoder().put(object, UA_TYPES_EXTENSIONOBJECT).put(variant, UA_TYPES_VARIANT).number(4).data());
  EXPECT_EQ(text_of(value, "Any.Speed"), "8.25");
  EXPECT_EQ(text_of(value, "Number[2]"), "3.0");
  EXPECT_EQ(text_of(value, "Last"), "4.0");
}

TEST_F(OpcUaStructure, ArraysOfTheValueItself) {
  UA_Range ranges[2] = {{0, 5}, {-1, 1}};
  Variant value;
  UA_Variant_setArrayCopy(&*value, ranges, 2, &UA_TYPES[UA_TYPES_RANGE]);
  EXPECT_EQ(text_of(value, "[1].Low"), "-1.0");
  EXPECT_EQ(text_of(value, "[0].High"), "5.0");
  EXPECT_EQ(text_of(value, "[2].High"), "BadIndexRangeNoData");
  EXPECT_EQ(text_of(value, "[0].Middle"), "BadNotFound");
  EXPECT_EQ(text_of(value, "Low"), "BadTypeMismatch");
  UA_Double numbers[6] = {0, 1, 2, 3, 4, 5};
  Variant matrix;
  UA_Variant_setArrayCopy(&*matrix, numbers, 6, &UA_TYPES[UA_TYPES_DOUBLE]);
  EXPECT_EQ(text_of(matrix, "[4]"), "4.0");
  matrix->arrayDimensions = static_cast<UA_UInt32*>(UA_Array_new(2, &UA_TYPES[UA_TYPES_UINT32]));
  matrix->arrayDimensionsSize = 2;
  matrix->arrayDimensions[0] = 2;
  matrix->arrayDimensions[1] = 3;
  EXPECT_EQ(text_of(matrix, "[1,0]"), "3.0");
  EXPECT_EQ(text_of(matrix, "[4]"), "BadIndexRangeNoData");
}

TEST_F(OpcUaStructure, BytesThatDoNotFit) {
  outer_->fields = {field("Before", UA_DATATYPEKIND_STRING, 1), field("Value", UA_DATATYPEKIND_DOUBLE)};
  EXPECT_EQ(text_of(object_of(""), "Value"), "BadDecodingError");
  EXPECT_EQ(text_of(object_of(Encoder().length(2'000'000'000).data()), "Value"), "BadDecodingError");
  EXPECT_EQ(text_of(object_of(Encoder().length(1).length(100).data()), "Value"), "BadDecodingError");
  EXPECT_EQ(text_of(object_of(Encoder().length(-1).raw("1234").data()), "Value"), "BadDecodingError");
  EXPECT_EQ(text_of(object_of(Encoder().length(-1).number(6).data()), "Value"), "6.0");
  outer_->fields = {field("M", UA_DATATYPEKIND_BYTE, 2), field("Value", UA_DATATYPEKIND_DOUBLE)};
  EXPECT_EQ(text_of(object_of(Encoder().length(2).length(-1).length(-1).number(1).data()), "Value"),
            "BadDecodingError");
  // A structure that holds itself, and says so without end.
  outer_->fields = {field("Self", UA_DATATYPEKIND_STRUCTURE, 0, outer_), field("Value", UA_DATATYPEKIND_DOUBLE)};
  EXPECT_EQ(text_of(object_of(std::string(1000, '\0')), "Value"), "BadDecodingError");
}

TEST_F(OpcUaStructure, WhatNobodyDescribed) {
  StructureTypes none;
  Found found;
  const Variant value = object_of(Encoder().number(1).data());
  const ValuePath path{{"Value", {}}};
  const UA_StatusCode code = find_part(*value, path, none, found);
  EXPECT_EQ(code, UA_STATUSCODE_BADDATAENCODINGUNSUPPORTED);
  EXPECT_TRUE(is_undescribed(code, found, none));
  none.give_up(encoding());
  Found again;
  const UA_StatusCode then = find_part(*value, path, none, again);
  EXPECT_EQ(then, UA_STATUSCODE_BADDATAENCODINGUNSUPPORTED);
  EXPECT_FALSE(is_undescribed(then, again, none));
}

}  // namespace
}  // namespace millwright::connectors::opcua_detail
