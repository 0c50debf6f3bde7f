// Entity tags (RFC 9110): a strong one for every answer of a GET, of its bytes; and where the thing has a version, with
// that before it: "3-9f86d081884c7d65". What changes a thing under If-Match is checked against the version alone, so
// the tag of any answer about it will do, and "3" as well.
//
// Threads: free functions.
#pragma once

#include <string>
#include <string_view>

#include "api/http.hpp"

namespace millwright::api {

// Makes the tag; a version that the handler has put into ETag becomes its beginning. A 304 where `if_none_match` names
// what the client would get.
void add_etag(Response& response, std::string_view if_none_match);

// An If-Match field as handlers read it: of "3-9f86d081884c7d65" what stands before the dash, in quotes.
std::string without_content(std::string_view if_match);

}  // namespace millwright::api
