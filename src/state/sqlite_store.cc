#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include <fmt/format.h>

#include "base/file.h"
#include "state/snapshot.h"
#include "state/store.h"

namespace proviso::state {
namespace {

constexpr int kSchemaVersion = 1;
constexpr int kBusyTimeoutMs = 2000;  // a reader's checkpoint may hold a lock for a moment

// WAL with FULL: a commit is on disk before it returns. Names and keys are blobs: bytewise order.
constexpr const char* kPrepareWriter =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;";
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS entries(tab TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,"
    " PRIMARY KEY(tab, key)) WITHOUT ROWID; PRAGMA user_version=1;";

enum class Access { kReadOnly, kReadWrite };

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

Code code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::kConflict;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return Code::kCorrupt;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Code::kIo;
    default:
      return Code::kInternal;
  }
}

// A statement in use; leaves it reset, so that it holds neither locks nor values.
class Use {
 public:
  explicit Use(const Statement& statement) : statement_(statement.get()) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  // The bytes must outlive the use.
  Use& text(int at, std::string_view value) {
    sqlite3_bind_text64(statement_, at, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Use& blob(int at, std::string_view value) {
    // A null pointer would bind NULL, also for no bytes.
    sqlite3_bind_blob64(statement_, at, value.empty() ? "" : value.data(), value.size(),
                        SQLITE_STATIC);
    return *this;
  }
  int step() { return sqlite3_step(statement_); }
  [[nodiscard]] std::string column(int at) const {
    const void* bytes = sqlite3_column_blob(statement_, at);
    const auto count = static_cast<size_t>(sqlite3_column_bytes(statement_, at));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), count);
  }

 private:
  sqlite3_stmt* statement_;
};

Status check_table(std::string_view table) {
  const bool valid = !table.empty() && table.size() <= kTableNameBytesMax &&
                     std::all_of(table.begin(), table.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                     });
  if (!valid)
    return fail(Code::kInvalid, fmt::format("`{}` is no table name", table.substr(0, 100)));
  return {};
}

// The store without its lock: what a transaction's body gets.
class Connection final : public Store {
 public:
  static Result<std::unique_ptr<Connection>> open(const std::string& path, Access access);

  Result<std::optional<std::string>> get(std::string_view table, std::string_view key) override;
  Status put(std::string_view table, std::string_view key, std::string_view value) override;
  Status erase(std::string_view table, std::string_view key) override;
  Result<std::vector<std::pair<std::string, std::string>>> list(std::string_view table) override;
  Status transaction(const std::function<Status(Store&)>& body) override;
  Status copy_to(const std::string& path);

 private:
  Connection(std::string path, Access access) : path_(std::move(path)), access_(access) {}
  Status run(const char* sql);
  Result<Statement> prepare(const char* sql);
  Status prepare_schema();
  [[nodiscard]] std::unexpected<Error> error(int sqlite_code) const;
  [[nodiscard]] Status writable() const;

  std::string path_;
  Access access_;
  bool in_transaction_ = false;
  Database database_;  // before the statements: they go first
  Statement get_;
  Statement put_;
  Statement erase_;
  Statement list_;
};

std::unexpected<Error> Connection::error(int sqlite_code) const {
  const char* text =
      database_ != nullptr ? sqlite3_errmsg(database_.get()) : sqlite3_errstr(sqlite_code);
  return fail(code_of(sqlite_code), fmt::format("database `{}`: {}", path_, text));
}

Status Connection::writable() const {
  if (access_ == Access::kReadWrite) return {};
  return fail(Code::kConflict, fmt::format("database `{}` was opened for reading only", path_));
}

Status Connection::run(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}

Result<Statement> Connection::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  return Statement(statement);
}

Status Connection::prepare_schema() {
  int version;
  {
    PV_TRY(const Statement ask, prepare("PRAGMA user_version"));
    const int code = sqlite3_step(ask.get());
    if (code != SQLITE_ROW) return error(code);
    version = sqlite3_column_int(ask.get(), 0);
  }
  if (version > kSchemaVersion) {
    return fail(Code::kUnsupported,
                fmt::format("database `{}` was made by a newer version", path_));
  }
  if (version < kSchemaVersion && access_ == Access::kReadOnly) {
    return fail(Code::kNotFound, fmt::format("database `{}` holds nothing yet", path_));
  }
  return access_ == Access::kReadWrite ? run(kSchema) : Status();
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, Access access) {
  std::unique_ptr<Connection> opened(new Connection(path, access));
  sqlite3* database = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                    (access == Access::kReadWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  const int code = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  opened->database_.reset(database);
  if (code != SQLITE_OK) return opened->error(code);
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_timeout(database, kBusyTimeoutMs);
  if (access == Access::kReadWrite) PV_TRY_VOID(opened->run(kPrepareWriter));
  PV_TRY_VOID(opened->prepare_schema());
  PV_TRY(opened->get_, opened->prepare("SELECT value FROM entries WHERE tab=? AND key=?"));
  PV_TRY(opened->put_,
         opened->prepare(
             "INSERT INTO entries VALUES(?,?,?) ON CONFLICT DO UPDATE SET value=excluded.value"));
  PV_TRY(opened->erase_, opened->prepare("DELETE FROM entries WHERE tab=? AND key=?"));
  PV_TRY(opened->list_, opened->prepare("SELECT key, value FROM entries WHERE tab=? ORDER BY key"));
  return opened;
}

Result<std::optional<std::string>> Connection::get(std::string_view table, std::string_view key) {
  PV_TRY_VOID(check_table(table));
  Use use(get_);
  const int code = use.text(1, table).blob(2, key).step();
  if (code == SQLITE_DONE) return std::optional<std::string>();
  if (code != SQLITE_ROW) return error(code);
  return std::optional(use.column(0));
}

Status Connection::put(std::string_view table, std::string_view key, std::string_view value) {
  PV_TRY_VOID(check_table(table));
  PV_TRY_VOID(writable());
  if (key.size() > kKeyBytesMax) {
    return fail(Code::kLimit,
                fmt::format("a key of table `{}` is longer than {} bytes", table, kKeyBytesMax));
  }
  if (value.size() > kValueBytesMax) {
    return fail(Code::kLimit, fmt::format("a value of table `{}` is longer than {} bytes", table,
                                          kValueBytesMax));
  }
  const int code = Use(put_).text(1, table).blob(2, key).blob(3, value).step();
  if (code != SQLITE_DONE) return error(code);
  return {};
}

Status Connection::erase(std::string_view table, std::string_view key) {
  PV_TRY_VOID(check_table(table));
  PV_TRY_VOID(writable());
  const int code = Use(erase_).text(1, table).blob(2, key).step();
  if (code != SQLITE_DONE) return error(code);
  return {};
}

Result<std::vector<std::pair<std::string, std::string>>> Connection::list(std::string_view table) {
  PV_TRY_VOID(check_table(table));
  std::vector<std::pair<std::string, std::string>> all;
  Use use(list_);
  use.text(1, table);
  int code = use.step();
  for (; code == SQLITE_ROW; code = use.step()) all.emplace_back(use.column(0), use.column(1));
  if (code != SQLITE_DONE) return error(code);
  return all;
}

Status Connection::transaction(const std::function<Status(Store&)>& body) {
  PV_TRY_VOID(writable());
  if (in_transaction_) return fail(Code::kInvalid, "a transaction was begun within a transaction");
  PV_TRY_VOID(run("BEGIN IMMEDIATE"));
  in_transaction_ = true;
  Status outcome = body(*this);
  in_transaction_ = false;
  if (outcome) outcome = run("COMMIT");
  // A failed commit may have ended the transaction already.
  if (!outcome && sqlite3_get_autocommit(database_.get()) == 0) {
    static_cast<void>(run("ROLLBACK"));
  }
  return outcome;
}

Status Connection::copy_to(const std::string& path) {
  PV_TRY(const Statement copy, prepare("VACUUM INTO ?"));
  const int code = Use(copy).text(1, path).step();
  if (code != SQLITE_DONE) return error(code);
  return {};
}

// The store that callers hold: one connection, used by one thread at a time.
class LockedStore final : public Store {
 public:
  LockedStore(Fd lock, std::unique_ptr<Connection> connection)
      : lock_(std::move(lock)), connection_(std::move(connection)) {}

  Result<std::optional<std::string>> get(std::string_view table, std::string_view key) override {
    const std::lock_guard guard(mutex_);
    return connection_->get(table, key);
  }
  Status put(std::string_view table, std::string_view key, std::string_view value) override {
    const std::lock_guard guard(mutex_);
    return connection_->put(table, key, value);
  }
  Status erase(std::string_view table, std::string_view key) override {
    const std::lock_guard guard(mutex_);
    return connection_->erase(table, key);
  }
  Result<std::vector<std::pair<std::string, std::string>>> list(std::string_view table) override {
    const std::lock_guard guard(mutex_);
    return connection_->list(table);
  }
  Status transaction(const std::function<Status(Store&)>& body) override {
    const std::lock_guard guard(mutex_);
    return connection_->transaction(body);
  }

 private:
  Fd lock_;  // outlives the connection
  std::mutex mutex_;
  std::unique_ptr<Connection> connection_;
};

Result<Fd> take_lock(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return std::unexpected(io_error("open", path, errno));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(Code::kConflict, fmt::format("another process holds `{}`", path));
    return std::unexpected(io_error("lock", path, errno));
  }
  return fd;
}

// SQLite gives its side files the mode of this one.
Status make_private(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return std::unexpected(io_error("open", path, errno));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return std::unexpected(io_error("look at", path, errno));
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(Code::kInvalid,
                fmt::format("`{0}` may be reached by group or others: chmod 600 `{0}`", path));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& path) {
  PV_TRY(Fd lock, take_lock(path + ".lock"));
  PV_TRY_VOID(make_private(path));
  PV_TRY(std::unique_ptr<Connection> connection, Connection::open(path, Access::kReadWrite));
  return std::make_unique<LockedStore>(std::move(lock), std::move(connection));
}

Result<std::unique_ptr<Store>> Store::open_reader(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return std::unexpected(io_error("look at", path, errno));
  PV_TRY(std::unique_ptr<Connection> connection, Connection::open(path, Access::kReadOnly));
  return std::make_unique<LockedStore>(Fd(), std::move(connection));
}

// A copy of the file alone would lack what is only in the write-ahead log yet.
Status snapshot(const std::string& from, const std::string& to) {
  struct stat info{};
  if (::lstat(from.c_str(), &info) != 0) {
    return fail(Code::kNotFound, fmt::format("there is no database `{}`", from));
  }
  PV_TRY_VOID(make_private(to));
  PV_TRY(const std::unique_ptr<Connection> connection, Connection::open(from, Access::kReadOnly));
  return connection->copy_to(to);
}

}  // namespace proviso::state
