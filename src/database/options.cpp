#include "database/database.hpp"

namespace millwright::database {

Options read_options(config::Section section, const std::string& directory, std::string file) {
  Options options{.file = std::move(file), .postgresql = {}, .password = {}};
  options.postgresql = section.text("url", {.fallback = ""});
  options.password = config::read_secret(section, "password", directory);
  const std::string& url = options.postgresql;
  if (!url.empty() && !url.starts_with("postgresql://") && !url.starts_with("postgres://")) {
    section.problem("url", "'" + url +
                               "' is not an address of PostgreSQL, like postgresql://millwright@localhost/plant; "
                               "leave it out for SQLite in the data folder");
  }
  if (url.find('@') != std::string::npos &&
      url.substr(0, url.find('@')).find(':', url.find("//")) != std::string::npos) {
    section.problem("url", "holds a password; give it as password_file or password_env");
  }
  section.finish();
  return options;
}

}  // namespace millwright::database
