// HTTP as the API's code calls it: the words of module http, without its name.
#pragma once

#include "http/message.hpp"
#include "http/url.hpp"
#include "http/worker_pool.hpp"

namespace millwright::api {

using http::Exchange;
using http::HeaderFields;
using http::Method;
using http::percent_decode;
using http::percent_encode;
using http::reason_phrase;
using http::Request;
using http::Response;
using http::StreamSink;
using http::WorkerPool;

}  // namespace millwright::api
