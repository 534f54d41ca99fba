#include "identity/records.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "base/sshsig.h"

namespace proviso::identity {
namespace {

bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::unexpected<Error> corrupt(std::string_view what, std::string_view id) {
  return fail(Code::kCorrupt,
              fmt::format("the stored {} `{}` does not read", what, id.substr(0, kNameBytesMax)));
}

// Reads the fields of one object; any that is missing or of another type makes it fail.
class Fields {
 public:
  static Fields of(json::Parser& parser, std::string_view text) {
    const Result<json::Element> root = parser.parse(text);
    json::Object object;
    const bool good = root && root->get_object().get(object) == simdjson::SUCCESS;
    return {object, good};
  }
  std::string text(std::string_view name) {
    std::string_view value;
    note(name, [&](json::Element element) { return element.get_string().get(value); });
    return std::string(value);
  }
  int64_t integer(std::string_view name) {
    int64_t value = 0;
    note(name, [&](json::Element element) { return element.get_int64().get(value); });
    return value;
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> values;
    note(name, [&](json::Element element) {
      json::Array array;
      if (const auto error = element.get_array().get(array)) return error;
      for (const json::Element item : array) {
        std::string_view value;
        if (const auto error = item.get_string().get(value)) return error;
        values.emplace_back(value);
      }
      return simdjson::SUCCESS;
    });
    return values;
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  Fields(json::Object object, bool good) : object_(object), good_(good) {}
  template <class Read>
  void note(std::string_view name, const Read& read) {
    json::Element element;
    good_ = good_ && object_.at_key(name).get(element) == simdjson::SUCCESS &&
            read(element) == simdjson::SUCCESS;
  }
  json::Object object_;
  bool good_;
};

}  // namespace

const char* change_name(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::kPersonPut:
      return "person_put";
    case Change::Kind::kPersonRemoved:
      return "person_removed";
    case Change::Kind::kKeyIssued:
      return "key_issued";
    case Change::Kind::kKeyRevoked:
      return "key_revoked";
    case Change::Kind::kApproverKeyAdded:
      return "approver_key_added";
    case Change::Kind::kApproverKeyRemoved:
      return "approver_key_removed";
  }
  return "unknown";
}

std::string encode_person(const Person& person) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("clearance").integer(person.clearance);
  writer.key("nationality").string(person.nationality).key("roles").begin_array();
  for (const std::string& role : person.roles) writer.string(role);
  writer.end_array().key("training_until").integer(person.training_until.value).end_object();
  return out;
}

Result<Person> decode_person(std::string_view id, std::string_view text) {
  json::Parser parser;
  Fields fields = Fields::of(parser, text);
  Person person;
  person.id = id;
  if (fields.good()) {
    person.clearance = fields.integer("clearance");
    person.nationality = fields.text("nationality");
    person.roles = fields.texts("roles");
    person.training_until = {fields.integer("training_until")};
  }
  if (!fields.good() || !check_person(person) || encode_person(person) != text)
    return corrupt("person", id);
  return person;
}

std::string encode_key(const StoredKey& key) {
  std::string out;
  json::Writer(out)
      .begin_object()
      .key("created")
      .integer(key.info.created.value)
      .key("default_purpose")
      .string(key.info.default_purpose)
      .key("digest")
      .string(key.digest.hex())
      .key("expires")
      .integer(key.info.expires.value)
      .key("person")
      .string(key.info.person)
      .key("revoked")
      .integer(key.info.revoked.value)
      .end_object();
  return out;
}

Result<StoredKey> decode_key(std::string_view id, std::string_view text) {
  json::Parser parser;
  Fields fields = Fields::of(parser, text);
  if (!fields.good()) return corrupt("key", id);
  StoredKey key;
  key.info.id = id;
  key.info.created = {fields.integer("created")};
  key.info.default_purpose = fields.text("default_purpose");
  const Result<Digest> digest = digest_from_hex(fields.text("digest"));
  key.info.expires = {fields.integer("expires")};
  key.info.person = fields.text("person");
  key.info.revoked = {fields.integer("revoked")};
  if (!fields.good() || !digest) return corrupt("key", id);
  key.digest = *digest;
  const bool named =
      check_name("key", id) && check_name("person", key.info.person) &&
      (key.info.default_purpose.empty() || check_name("purpose", key.info.default_purpose));
  if (!named || encode_key(key) != text) return corrupt("key", id);
  return key;
}

Result<ApproverKey> read_approver_key(std::string_view person, std::string_view line) {
  PV_TRY_VOID(check_name("person", person));
  while (line.ends_with('\n') || line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
  if (line.size() > kApproverKeyBytesMax) {
    return fail(Code::kLimit, fmt::format("an approver key is at most {} bytes long", kApproverKeyBytesMax));
  }
  PV_TRY(const sshsig::PersonKey key, sshsig::parse_person_key(line));
  const bool plain = std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (!plain) return fail(Code::kInvalid, "the comment of an approver key must be printable ASCII");
  return ApproverKey{key.fingerprint(), std::string(line), std::string(person)};
}

std::string encode_approver_key(const ApproverKey& key) {
  std::string out;
  json::Writer(out).begin_object().key("line").string(key.line).key("person").string(key.person).end_object();
  return out;
}

Result<ApproverKey> decode_approver_key(std::string_view fingerprint, std::string_view text) {
  json::Parser parser;
  Fields fields = Fields::of(parser, text);
  if (!fields.good()) return corrupt("approver key", fingerprint);
  const std::string line = fields.text("line");
  const std::string person = fields.text("person");
  auto key = read_approver_key(person, line);
  const bool same = fields.good() && key && key->fingerprint == fingerprint && encode_approver_key(*key) == text;
  if (!same) return corrupt("approver key", fingerprint);
  return std::move(*key);
}

Status check_name(std::string_view what, std::string_view name) {
  const bool valid = !name.empty() && name.size() <= kNameBytesMax &&
                     letter_or_digit(name.front()) &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return letter_or_digit(c) || c == '.' || c == '_' || c == '@' || c == '-';
                     });
  if (valid) return {};
  return fail(
      Code::kInvalid,
      fmt::format("{} `{}`: want up to {} letters, digits and any of . _ @ -, starting with "
                  "a letter or digit",
                  what, name.substr(0, kNameBytesMax), kNameBytesMax));
}

Status check_person(const Person& person) {
  PV_TRY_VOID(check_name("person", person.id));
  if (person.roles.size() > kRolesMax) {
    return fail(Code::kLimit,
                fmt::format("person `{}` has more than {} roles", person.id, kRolesMax));
  }
  for (const std::string& role : person.roles) PV_TRY_VOID(check_name("role", role));
  if (std::adjacent_find(person.roles.begin(), person.roles.end(), std::greater_equal<>()) !=
      person.roles.end()) {
    return fail(Code::kInvalid,
                fmt::format("the roles of person `{}` are not in order", person.id));
  }
  if (person.clearance < 0) {
    return fail(Code::kInvalid,
                fmt::format("the clearance of person `{}` is negative: 0 is none", person.id));
  }
  if (!person.nationality.empty()) PV_TRY_VOID(check_name("nationality", person.nationality));
  return {};
}

}  // namespace proviso::identity
