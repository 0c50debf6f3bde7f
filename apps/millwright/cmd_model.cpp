// model keygen, model inspect: who signs, and what is in a bundle.

#include "cmd_model.hpp"

#include <cerrno>
#include <cstring>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "io/file_system.hpp"
#include "models/loaded_model.hpp"

namespace millwright::app {
namespace {

// A file that was not there, for its owner's eyes or for all.
core::Status write_new_file(const std::string& path, const std::string& text, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) {
    return core::unexpected(errno == EEXIST ? core::ErrorCode::kConflict : core::ErrorCode::kIo,
                            fmt::format("{}: {}", path, std::strerror(errno)));
  }
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (::close(fd) == 0 && written) return {};
  return core::unexpected(core::ErrorCode::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
}

int keygen(const std::string& out) {
  const auto key = models::SigningKey::generate();
  if (!key) return fail(key.error());
  const std::string secret = out + ".pem";
  const std::string open = out + ".pub.pem";
  if (auto written = write_new_file(secret, key->pem(), 0600); !written) return fail(written.error());
  if (auto written = write_new_file(open, key->public_key().pem(), 0644); !written) return fail(written.error());
  fmt::print("key {}: {} signs, keep it secret; plants that trust it have {} in detection.models.trusted_keys\n",
             key->public_key().id(), secret, open);
  return kDone;
}

nlohmann::ordered_json describe(const models::SealedFile& sealed, const models::Bundle& bundle) {
  const models::Training& training = bundle.training;
  nlohmann::ordered_json limits = nlohmann::ordered_json::object();
  if (const auto detector = models::make_detector(bundle)) {
    for (const auto& one : (*detector)->statistics()) limits[one.name] = one.limit;
  }
  return {{"id", bundle.id()},
          {"kind", bundle.kind},
          {"machine_type", bundle.machine_type},
          {"sensors", bundle.sensors},
          {"period", core::format_duration(bundle.grid.period)},
          {"states", bundle.states},
          {"regimes", bundle.regimes.size()},
          {"limits", std::move(limits)},
          {"training",
           {{"sources", training.sources},
            {"rows", training.rows},
            {"from", core::format_time(training.from)},
            {"to", core::format_time(training.to)},
            {"false_alarms", training.false_alarms}}},
          {"test_rows", bundle.test.rows.rows()},
          {"sha256", sealed.seal.sha256},
          {"key", sealed.seal.key}};
}

// The signature is checked where a key is given; the rest always.
int inspect(const std::string& path, const std::string& key_path) {
  const auto file = read_text_file(path);
  if (!file) return fail(file.error());
  const auto sealed = models::open_seal(*file);
  if (!sealed) return fail(sealed.error().within(path));
  models::Trust trust{.keys = {}, .allow_unsigned = key_path.empty()};
  if (!key_path.empty()) {
    const auto pem = read_text_file(key_path);
    if (!pem) return fail(pem.error());
    auto key = models::PublicKey::read(*pem, key_path);
    if (!key) return fail(key.error());
    trust.keys.push_back(std::move(*key));
    if (auto signed_by = models::check(*sealed, trust); !signed_by) return fail(signed_by.error().within(path));
  }
  const auto bundle = models::parse_payload(sealed->payload);
  if (!bundle) return fail(bundle.error().within(path));
  const auto passed =
      models::LoadedModel::load(models::seal(sealed->payload, nullptr), {.keys = {}, .allow_unsigned = true});
  if (!passed) return fail(passed.error().within(path));
  fmt::print("{}\n", describe(*sealed, *bundle).dump(2));
  return kDone;
}

}  // namespace

core::Result<std::string> read_text_file(const std::string& path) {
  io::RealFileSystem files;
  const auto bytes = io::read_file(files, path);
  if (!bytes) return core::unexpected(bytes.error());
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

void add_model(CLI::App& app, const SetCommand& set) {
  auto* model = app.add_subcommand("model", "train models of machines, sign them, and put them on a running plant");
  model->require_subcommand(1);
  model->footer("docs/detection.md has examples, docs/format/model-bundle.md the file.");
  add_model_train(*model, set);
  add_model_gather(*model, set);
  add_model_plant(*model, set);

  auto* keys = model->add_subcommand("keygen", "make a key that signs models, and the public one that plants trust");
  auto out = std::make_shared<std::string>("model-key");
  keys->add_option("--out", *out, "the files' beginning: OUT.pem and OUT.pub.pem; neither may be there")
      ->capture_default_str();
  keys->callback([=] { set([=] { return keygen(*out); }); });

  auto* look = model->add_subcommand("inspect", "check a bundle and print what is in it, as JSON");
  auto file = std::make_shared<std::string>();
  auto key = std::make_shared<std::string>();
  look->add_option("bundle", *file, "the file")->required();
  look->add_option("--trusted", *key, "a public key (PEM) that must have signed it");
  look->callback([=] { set([=] { return inspect(*file, *key); }); });
}

}  // namespace millwright::app
