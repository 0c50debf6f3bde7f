// In which order readings are answered, and which of them are one: shared by queries and by what seals the journal.
//
// Threads: pure functions.
#pragma once

#include <vector>

#include "historian/historian.hpp"

namespace millwright::historian {

// In order of time; what came at one time stays in the order in which it was recorded, each different reading (time,
// value, quality) once.
void sort_and_thin(std::vector<Reading>& readings);

}  // namespace millwright::historian
