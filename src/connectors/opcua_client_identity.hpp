// How a connection is protected and who we are in it: open62541's security policies and identity token, from the
// plant's certificate and what the connector is configured with.
//
// Threads: the caller's. Errors: with the file's key in the configuration; of what files hold, nothing.
#pragma once

#include "connectors/opcua_client.hpp"
#include "connectors/opcua_client_endpoints.hpp"
#include "core/result.hpp"
#include "security/certificate_store.hpp"

struct UA_ClientConfig;

namespace millwright::connectors::opcua_detail {

// Fixes the endpoint, with the one token that was chosen.
void put_endpoint(const EndpointChoice& choice, UA_ClientConfig& config);

// Adds the policies that the channel and the user's token take, and the token: anonymous, name and password, or the
// user's certificate.
core::Status put_security(const OpcUaClientOptions& options, const EndpointChoice& choice,
                          const security::OwnCertificate& own, UA_ClientConfig& config);

// The pair of `user_certificate` and `user_key`.
core::Result<security::OwnCertificate> read_user_certificate(const OpcUaClientOptions& options);

}  // namespace millwright::connectors::opcua_detail
