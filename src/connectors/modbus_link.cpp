#include "connectors/modbus_link.hpp"

#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <modbus/modbus.h>

#include "io/descriptors.hpp"

namespace millwright::connectors {
namespace {

using protocol::modbus::Request;
using protocol::modbus::Table;

constexpr int kExceptionsEnd = MODBUS_ENOBASE + MODBUS_EXCEPTION_MAX;  // those that libmodbus knows

ModbusLink::Failure failure_of(int error) {
  switch (error) {
    case EMBXILFUN:
    case EMBXILADD:
    case EMBXILVAL:
      return ModbusLink::Failure::kRefused;
    case EMBXGPATH:
    case EMBXGTAR:
      return ModbusLink::Failure::kGateway;
    // A maker's own exception is an answer too.
    case EMBBADEXC:
      return ModbusLink::Failure::kFailed;
    case EMBBADCRC:
    case EMBBADDATA:
    case EMBUNKEXC:
    case EMBMDATA:
    case EMBBADSLAVE:
    case ETIMEDOUT:
    case EINTR:
      return ModbusLink::Failure::kSilent;
    default:
      return error >= MODBUS_ENOBASE && error < kExceptionsEnd ? ModbusLink::Failure::kFailed
                                                               : ModbusLink::Failure::kLost;
  }
}

// libmodbus has no text for exceptions that the standard leaves out.
std::string text_of(int error) {
  if (error == EMBBADEXC) return "an exception of the device's maker";
  const bool is_unnamed = error == MODBUS_ENOBASE || error == MODBUS_ENOBASE + MODBUS_EXCEPTION_NOT_DEFINED;
  return is_unnamed ? fmt::format("exception {}", error - MODBUS_ENOBASE) : modbus_strerror(error);
}

class Link final : public ModbusLink {
 public:
  explicit Link(modbus_t* context) : context_(context) {}
  ~Link() override {
    modbus_close(context_);
    modbus_free(context_);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  Answer read(int unit, const Request& request, std::vector<std::uint16_t>& registers) override {
    modbus_set_slave(context_, unit);
    registers.assign(request.count, 0);
    const int got = is_bits(request.table) ? read_bits(request, registers) : read_words(request, registers);
    return answer_of(got, request.count);
  }

  Answer write(int unit, const protocol::modbus::Item& item, std::span<const std::uint16_t> registers) override {
    modbus_set_slave(context_, unit);
    if (item.table == Table::kCoils) {
      return answer_of(modbus_write_bit(context_, item.address, registers.front() != 0 ? 1 : 0), 1);
    }
    if (registers.size() == 1) return answer_of(modbus_write_register(context_, item.address, registers.front()), 1);
    const auto count = static_cast<int>(registers.size());
    return answer_of(modbus_write_registers(context_, item.address, count, registers.data()), count);
  }

 private:
  Answer answer_of(int got, int wanted) {
    if (got == wanted) return {.good = true, .why = {}};
    const int error = got < 0 ? errno : EMBBADDATA;
    const Failure failure = failure_of(error);
    // What still comes in belongs to no request any more.
    if (failure == Failure::kSilent) modbus_flush(context_);
    return {.failure = failure, .why = text_of(error)};
  }
  int read_words(const Request& request, std::vector<std::uint16_t>& registers) {
    const auto read = request.table == Table::kHoldingRegisters ? modbus_read_registers : modbus_read_input_registers;
    return read(context_, request.address, request.count, registers.data());
  }
  int read_bits(const Request& request, std::vector<std::uint16_t>& registers) {
    const auto read = request.table == Table::kCoils ? modbus_read_bits : modbus_read_input_bits;
    std::array<std::uint8_t, MODBUS_MAX_READ_BITS> bits{};
    const int got = read(context_, request.address, request.count, bits.data());
    for (std::size_t i = 0; i < request.count; ++i) registers[i] = bits[i];
    return got;
  }

  modbus_t* context_;
};

modbus_t* new_context(const ModbusTcp& tcp) {
  return modbus_new_tcp_pi(tcp.host.c_str(), std::to_string(tcp.port).c_str());
}
modbus_t* new_context(const ModbusSerial& serial) {
  return modbus_new_rtu(serial.device.c_str(), serial.baud_rate, serial.parity, serial.data_bits, serial.stop_bits);
}

}  // namespace

core::Result<std::unique_ptr<ModbusLink>> ModbusLink::open(const std::variant<ModbusTcp, ModbusSerial>& bus,
                                                           core::DurationNs timeout) {
  modbus_t* const context = std::visit([](const auto& one) { return new_context(one); }, bus);
  if (context == nullptr) {
    return core::unexpected(core::ErrorCode::kInvalid, fmt::format("{}: {}", to_string(bus), modbus_strerror(errno)));
  }
  std::unique_ptr<ModbusLink> link = std::make_unique<Link>(context);
  modbus_set_response_timeout(context, static_cast<std::uint32_t>(timeout / core::kSecond),
                              static_cast<std::uint32_t>(timeout % core::kSecond / core::kMicrosecond));
  if (auto fits = io::check_fits_select(); !fits) return core::unexpected(fits.error());
  if (modbus_connect(context) != 0) {
    const std::string why = modbus_strerror(errno);
    return core::unexpected(core::ErrorCode::kUnavailable, fmt::format("{}: {}", to_string(bus), why));
  }
  return link;
}

std::string to_string(const std::variant<ModbusTcp, ModbusSerial>& bus) {
  if (const auto* tcp = std::get_if<ModbusTcp>(&bus)) return fmt::format("{}:{}", tcp->host, tcp->port);
  return std::get<ModbusSerial>(bus).device;
}

}  // namespace millwright::connectors
