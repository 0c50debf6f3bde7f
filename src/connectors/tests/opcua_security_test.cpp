// How the OPC UA client is protected and who it is: against a server with policies for channels and others for users.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <open62541/plugin/accesscontrol_default.h>
#include <open62541/plugin/pki_default.h>
#include <stdlib.h>

#include "connectors/opcua_browser.hpp"
#include "connectors/opcua_discovery.hpp"
#include "connectors/tests/opcua_test_server.hpp"
#include "security/certificate.hpp"
#include "security/ua_security.hpp"

namespace millwright::connectors {
namespace {

using security::Policy;
using testing::HasSubstr;

constexpr const char* kServerUri = "urn:test:secure-plc";

// A server that knows a user by password and by certificate. It takes the password by one policy, whatever the
// channel's is.
class OpcUaSecurity : public testing::Test {
 protected:
  OpcUaSecurity() {
    char name[] = "/tmp/millwright-ua-XXXXXX";
    folder_ = ::mkdtemp(name);
    store_ = std::make_unique<security::CertificateStore>(folder_ + "/pki", security::identity_of("t", "localhost"),
                                                          files_, clock_);
    for (const char* who : {"server", "user", "stranger"}) {
      const security::Identity identity{who, std::string("urn:test:") + who, {"localhost"}};
      const auto made = *security::make_certificate(
          std::string(who) == "server" ? security::Identity{who, kServerUri, {"localhost"}} : identity, clock_.now(),
          1);
      write(std::string(who) + ".der", made.certificate);
      write(std::string(who) + ".pem", made.key);
    }
    write("password", "s3cret\n");
  }
  ~OpcUaSecurity() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(file(name), std::ios::binary) << bytes;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }

  void serve(Policy token_policy) {
    const std::string certificate = read("server.der");
    const std::string key = *security::key_to_der(read("server.pem"), certificate);
    server_ = std::make_unique<TestServer>(free_port(), 0, [&](UA_ServerConfig& config) {
      const UA_ByteString cert = security::borrow_bytes(certificate);
      const UA_ByteString secret = security::borrow_bytes(key);
      UA_String_clear(&config.applicationDescription.applicationUri);
      config.applicationDescription.applicationUri = opcua_detail::copy(kServerUri);
      EXPECT_EQ(UA_ServerConfig_addSecurityPolicyBasic256Sha256(&config, &cert, &secret), UA_STATUSCODE_GOOD);
      EXPECT_EQ(UA_ServerConfig_addSecurityPolicyAes256Sha256RsaPss(&config, &cert, &secret), UA_STATUSCODE_GOOD);
      for (const Policy policy : {Policy::kBasic256Sha256, Policy::kAes256Sha256RsaPss}) {
        for (const auto mode : {UA_MESSAGESECURITYMODE_SIGN, UA_MESSAGESECURITYMODE_SIGNANDENCRYPT}) {
          UA_ServerConfig_addEndpoint(&config, opcua_detail::borrow(security::uri_of(policy)), mode);
        }
      }
      UA_CertificateVerification_AcceptAll(&config.secureChannelPKI);
      UA_CertificateVerification_AcceptAll(&config.sessionPKI);
      config.allowNonePolicyPassword = token_policy == Policy::kNone;
      UA_UsernamePasswordLogin login{opcua_detail::borrow("me"), opcua_detail::borrow("s3cret")};
      const UA_String uri = opcua_detail::borrow(security::uri_of(token_policy));
      EXPECT_EQ(UA_AccessControl_default(&config, false, &uri, 1, &login), UA_STATUSCODE_GOOD);
      for (std::size_t i = 0; i < config.endpointsSize; ++i) add_tokens(token_policy, config.endpoints[i]);
    });
    server_->add("a");
    server_->start();
  }
  // As open62541 wants them: its own name of the token, and the policy's.
  static UA_String policy_id(std::string name, std::string_view uri) {
    return opcua_detail::copy(name.append(uri.substr(uri.rfind('#'))));
  }
  static void add_tokens(Policy policy, UA_EndpointDescription& endpoint) {
    endpoint.userIdentityTokens =
        static_cast<UA_UserTokenPolicy*>(UA_Array_new(2, &UA_TYPES[UA_TYPES_USERTOKENPOLICY]));
    endpoint.userIdentityTokensSize = 2;
    endpoint.userIdentityTokens[0].tokenType = UA_USERTOKENTYPE_USERNAME;
    endpoint.userIdentityTokens[0].policyId = policy_id("open62541-username-policy", security::uri_of(policy));
    endpoint.userIdentityTokens[0].securityPolicyUri = opcua_detail::copy(security::uri_of(policy));
    endpoint.userIdentityTokens[1].tokenType = UA_USERTOKENTYPE_CERTIFICATE;
    endpoint.userIdentityTokens[1].policyId =
        policy_id("open62541-certificate-policy", opcua_detail::view(endpoint.securityPolicyUri));
  }
  void trust_server() { ASSERT_TRUE(store_->trust_file(file("server.der"))); }

  OpcUaClientOptions options(MessageSecurity security, Policy policy = Policy::kAes256Sha256RsaPss) {
    OpcUaClientOptions out;
    out.endpoint = server_->endpoint();
    out.security = security;
    out.policy = policy;
    return out;
  }
  OpcUaClientOptions with_password(OpcUaClientOptions out) {
    out.user = "me";
    out.password_file = file("password");
    return out;
  }
  OpcUaClientOptions with_certificate(OpcUaClientOptions out) {
    out.user_certificate = file("user.der");
    out.user_key = file("user.pem");
    return out;
  }
  // "": it came in.
  std::string connect(const OpcUaClientOptions& options) {
    OpcUaBrowseOptions browse;
    browse.depth = 1;
    const auto tree = browse_opcua(options, store_.get(), clock_, browse);
    return tree ? "" : tree.error().message;
  }

  std::string folder_;
  io::RealFileSystem files_;
  io::RealClock clock_;
  std::unique_ptr<security::CertificateStore> store_;
  std::unique_ptr<TestServer> server_;
};

TEST_F(OpcUaSecurity, APasswordGoesByItsTokensPolicyWhateverTheChannelsIs) {
  serve(Policy::kBasic256Sha256);
  EXPECT_THAT(connect(with_password(options(MessageSecurity::kNone))), HasSubstr("is not trusted"));
  trust_server();
  EXPECT_EQ(connect(with_password(options(MessageSecurity::kNone))), "");
  EXPECT_EQ(connect(with_password(options(MessageSecurity::kSign))), "");
  EXPECT_EQ(connect(with_password(options(MessageSecurity::kEncrypt))), "");
  EXPECT_EQ(connect(with_password(options(MessageSecurity::kEncrypt, Policy::kBasic256Sha256))), "");
  write("password", "wrong\n");
  EXPECT_THAT(connect(with_password(options(MessageSecurity::kEncrypt))), HasSubstr("refuses that user"));
}

TEST_F(OpcUaSecurity, APasswordNeverGoesInTheClear) {
  serve(Policy::kNone);
  trust_server();
  EXPECT_THAT(connect(with_password(options(MessageSecurity::kNone))), HasSubstr("does not offer none for a user"));
  EXPECT_THAT(connect(with_password(options(MessageSecurity::kSign))), HasSubstr("that its token policy encrypts"));
  EXPECT_EQ(connect(with_password(options(MessageSecurity::kEncrypt))), "");
}

TEST_F(OpcUaSecurity, AUserIsKnownByCertificate) {
  serve(Policy::kBasic256Sha256);
  trust_server();
  EXPECT_EQ(connect(with_certificate(options(MessageSecurity::kSign))), "");
  EXPECT_EQ(connect(with_certificate(options(MessageSecurity::kEncrypt, Policy::kBasic256Sha256))), "");
  // As files of either kind; with the right key.
  auto other = with_certificate(options(MessageSecurity::kEncrypt));
  write("key.der", *security::key_to_der(read("user.pem"), read("user.der")));
  other.user_key = file("key.der");
  EXPECT_EQ(connect(other), "");
  other.user_key = file("stranger.pem");
  EXPECT_THAT(connect(other), HasSubstr("user_key"));
  EXPECT_THAT(connect(other), HasSubstr("is not the key of the certificate"));
  other.user_certificate = file("nobody.der");
  EXPECT_THAT(connect(other), HasSubstr("user_certificate"));
}

TEST_F(OpcUaSecurity, WhatIsNotOfferedIsToldWithWhatIs) {
  serve(Policy::kBasic256Sha256);
  trust_server();
  const std::string why = connect(with_password(options(MessageSecurity::kEncrypt, Policy::kAes128Sha256RsaOaep)));
  EXPECT_THAT(why, HasSubstr("does not offer encrypt aes128_sha256_rsaoaep for a user with a password; it offers: "));
  EXPECT_THAT(why, HasSubstr("sign aes256_sha256_rsapss (user and password by basic256sha256"));
  EXPECT_THAT(connect(options(MessageSecurity::kNone)), HasSubstr("does not offer none for an anonymous user"));
}

TEST_F(OpcUaSecurity, DiscoveryShowsEndpoints) {
  serve(Policy::kBasic256Sha256);
  const auto found = discover_opcua(options(MessageSecurity::kNone), clock_);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->endpoints.size(), 5U);
  const std::string thumbprint = security::describe(read("server.der"))->thumbprint;
  for (const OpcUaEndpoint& each : found->endpoints) {
    EXPECT_EQ(each.application_uri, kServerUri);
    EXPECT_TRUE(each.mode == "none" || each.thumbprint == thumbprint);
    ASSERT_FALSE(each.tokens.empty());
    EXPECT_EQ(each.tokens[0].kind, "password");
    EXPECT_EQ(each.tokens[0].policy, "basic256sha256");
  }
  ASSERT_FALSE(found->servers.empty());
  EXPECT_EQ(found->servers[0].application_uri, kServerUri);
  OpcUaClientOptions nobody;
  nobody.endpoint = "opc.tcp://127.0.0.1:" + std::to_string(free_port());
  EXPECT_THAT(discover_opcua(nobody, clock_).error().message, HasSubstr("connection refused"));
}

}  // namespace
}  // namespace millwright::connectors
