// The kinds of ERP, each made from its options; make_erp (erp.hpp) chooses.
#pragma once

#include <memory>

#include "maintenance/erp.hpp"

namespace millwright::maintenance {

std::unique_ptr<Erp> make_rest_erp(const ErpOptions& options, const io::Clock& clock);
std::unique_ptr<Erp> make_sap_erp(const ErpOptions& options, const io::Clock& clock);
std::unique_ptr<Erp> make_maximo_erp(const ErpOptions& options, const io::Clock& clock);
std::unique_ptr<Erp> make_odoo_erp(const ErpOptions& options, const io::Clock& clock);

}  // namespace millwright::maintenance
