// Shelf: all that one shard has kept: its journal, with what is new, and its column files, with what is sealed.
#pragma once

#include <memory>

#include "historian/column_store.hpp"
#include "historian/shard_log.hpp"

namespace millwright::historian {

struct Shelf {
  std::unique_ptr<ShardLog> log;
  std::unique_ptr<ColumnStore> store;
};

}  // namespace millwright::historian
