#include "security/ua_security.hpp"

#include <utility>

#include <fmt/format.h>
#include <open62541/plugin/securitypolicy_default.h>
#include <open62541/types_generated_handling.h>

namespace millwright::security {
namespace {

std::string_view view(const UA_String& text) {
  return text.length == 0 ? std::string_view()
                          : std::string_view(reinterpret_cast<const char*>(text.data), text.length);
}

PeerCheck& self_of(const UA_CertificateVerification* plugin) {
  return *static_cast<PeerCheck*>(plugin->context);
}

}  // namespace

std::string_view uri_of(Policy policy) {
  switch (policy) {
    case Policy::kNone:
      return "http://opcfoundation.org/UA/SecurityPolicy#None";
    case Policy::kBasic256Sha256:
      return "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256";
    case Policy::kAes128Sha256RsaOaep:
      return "http://opcfoundation.org/UA/SecurityPolicy#Aes128_Sha256_RsaOaep";
    case Policy::kAes256Sha256RsaPss:
      return "http://opcfoundation.org/UA/SecurityPolicy#Aes256_Sha256_RsaPss";
  }
  return {};
}

UA_ByteString borrow_bytes(std::string_view bytes) {
  return {bytes.size(), reinterpret_cast<UA_Byte*>(const_cast<char*>(bytes.data()))};
}

UA_StatusCode make_policy(Policy policy, const OwnCertificate& own, const UA_Logger* logger, UA_SecurityPolicy* out) {
  const UA_ByteString certificate = borrow_bytes(own.certificate);
  const UA_ByteString key = borrow_bytes(own.key);
  switch (policy) {
    case Policy::kNone:
      break;
    case Policy::kBasic256Sha256:
      return UA_SecurityPolicy_Basic256Sha256(out, certificate, key, logger);
    case Policy::kAes128Sha256RsaOaep:
      return UA_SecurityPolicy_Aes128Sha256RsaOaep(out, certificate, key, logger);
    case Policy::kAes256Sha256RsaPss:
      return UA_SecurityPolicy_Aes256Sha256RsaPss(out, certificate, key, logger);
  }
  return UA_STATUSCODE_BADSECURITYPOLICYREJECTED;
}

PeerCheck::PeerCheck(CertificateStore& store, std::function<void(const std::string&)> told)
    : store_(store), told_(std::move(told)) {}

void PeerCheck::put_into(UA_CertificateVerification& plugin) {
  if (plugin.clear != nullptr) plugin.clear(&plugin);
  plugin.context = this;
  plugin.verifyCertificate = &PeerCheck::verify;
  plugin.verifyApplicationURI = &PeerCheck::verify_uri;
  plugin.getExpirationDate = &PeerCheck::expiry;
  plugin.getSubjectName = &PeerCheck::subject;
  plugin.clear = [](UA_CertificateVerification*) {};
}

UA_StatusCode PeerCheck::refuse(std::string why, UA_StatusCode code) {
  const bool again = why == problem_;
  problem_ = std::move(why);
  if (!again) told_(problem_);
  return code;
}

// What exactly is wrong with a certificate is the business of the log, not of an unknown peer (OPC 10000-4, 6.1.3).
UA_StatusCode PeerCheck::verify(const UA_CertificateVerification* plugin, const UA_ByteString* certificate) {
  PeerCheck& self = self_of(plugin);
  const core::Status checked = self.store_.check(view(*certificate));
  if (checked) return UA_STATUSCODE_GOOD;
  return self.refuse(checked.error().message, checked.error().code == core::ErrorCode::kUnavailable
                                                  ? UA_STATUSCODE_BADCERTIFICATEUNTRUSTED
                                                  : UA_STATUSCODE_BADSECURITYCHECKSFAILED);
}

UA_StatusCode PeerCheck::verify_uri(const UA_CertificateVerification* plugin, const UA_ByteString* certificate,
                                    const UA_String* uri) {
  const auto info = describe(view(*certificate));
  if (info && info->application_uri == view(*uri)) return UA_STATUSCODE_GOOD;
  return self_of(plugin).refuse(fmt::format("the peer says it is '{}', but its certificate is for '{}'",
                                            view(*uri).substr(0, kTextLongest), info ? info->application_uri : ""),
                                UA_STATUSCODE_BADCERTIFICATEURIINVALID);
}

UA_StatusCode PeerCheck::expiry(UA_DateTime* when, UA_ByteString* certificate) {
  const auto info = describe(view(*certificate));
  if (!info) return UA_STATUSCODE_BADCERTIFICATEINVALID;
  *when = info->valid_until / 100 + UA_DATETIME_UNIX_EPOCH;
  return UA_STATUSCODE_GOOD;
}

UA_StatusCode PeerCheck::subject(UA_String* subject, UA_ByteString* certificate) {
  const auto info = describe(view(*certificate));
  if (!info) return UA_STATUSCODE_BADCERTIFICATEINVALID;
  const UA_String text = borrow_bytes(info->subject);
  return UA_String_copy(&text, subject);
}

}  // namespace millwright::security
