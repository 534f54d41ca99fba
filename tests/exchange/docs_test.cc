// docs/protocols.md shows the tables that the codecs apply; this keeps the two the same. To write
// the tables anew after a change: PROVISO_UPDATE_DOCS=1 test_exchange --gtest_filter='Docs.*'
#include <cstdlib>
#include <map>

#include "exchange/fields.h"
#include "exchange/support.h"

namespace proviso::exchange {
namespace {

std::string type_words(const Type& type) {
  switch (type.kind) {
    case Kind::kBool:
      return "true or false";
    case Kind::kInteger:
      return "integer";
    case Kind::kNumber:
      return "number";
    case Kind::kText:
      return "text";
    case Kind::kJsonText:
      return "JSON in a string";
    case Kind::kJson:
      return "JSON";
    case Kind::kOpaque:
      return "bytes";
    case Kind::kObject:
    case Kind::kTagged:
      return "object";
    case Kind::kList:
      return "list";
    case Kind::kWord: {
      std::string out;
      for (const std::string_view word : type.words) {
        if (!out.empty()) out += ", ";
        out.append("`").append(word).append("`");
      }
      return out;
    }
    case Kind::kEither: {
      std::string out;
      for (const Type* one : type.either) {
        if (!out.empty()) out += " or ";
        out += type_words(*one);
      }
      return out;
    }
  }
  return {};
}

class Table {
 public:
  void fields(std::span<const Field> fields, const std::string& under, const Channel* channel) {
    if (fields.empty()) return;
    const auto [first, fresh] = shown_.try_emplace({fields.data(), channel}, under);
    if (!fresh && fields.size() > 1) {
      return line(under, "", "carried", "", "the same fields as `" + first->second + "`");
    }
    for (const Field& field : fields) {
      const std::string path =
          under.empty() ? std::string(field.name) : under + "." + std::string(field.name);
      const Channel* speaks = field.speaks != nullptr ? field.speaks : channel;
      row(path, field, speaks);
      if (field.use == Use::kCarried || field.use == Use::kByCodec)
        below(*field.type, path, speaks);
    }
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void row(const std::string& path, const Field& field, const Channel* channel) {
    const char* use = field.use == Use::kIgnored   ? "ignored"
                      : field.use == Use::kRefused ? "refused"
                                                   : "carried";
    std::string note(field.why);
    if (field.gone_in_2026)
      note += std::string(note.empty() ? "" : "; ") + "refused under 2026-10-21";
    if (field.need == Need::kRequired) note += std::string(note.empty() ? "" : "; ") + "required";
    line(path, field.use == Use::kRefused ? "" : type_words(*field.type), use,
         inspected(field, channel), note);
  }

  static std::string inspected(const Field& field, const Channel* channel) {
    if (field.use == Use::kRefused || field.use == Use::kByCodec) return {};
    const Type& type = field.type->kind == Kind::kEither ? *field.type->either[0] : *field.type;
    switch (type.kind) {
      case Kind::kText:
        return channel_name(type.inherits && channel != nullptr ? *channel : type.channel);
      case Kind::kJson:
      case Kind::kJsonText:
        return field.use == Use::kIgnored ? "other" : channel_name(type.channel);
      case Kind::kOpaque:
        return std::string(channel_name(type.channel)) + ", unreadable";
      default:
        return {};
    }
  }

  void below(const Type& type, const std::string& path, const Channel* channel) {
    fields(type.fields, path, channel);
    for (const Type* one : type.either) below(*one, path, channel);
    if (type.item != nullptr) below(*type.item, path + "[]", channel);
    for (const Variant& variant : type.variants) {
      const std::string chosen = path + "(" + std::string(variant.value) + ")";
      if (variant.use == Use::kRefused) {
        line(chosen, "", "refused", "", std::string(variant.why));
        continue;
      }
      if (variant.gone_in_2026) line(chosen, "", "carried", "", "refused under 2026-10-21");
      fields(variant.fields, chosen, channel);
      if (variant.then != nullptr) below(*variant.then, chosen, channel);
    }
  }

  void line(const std::string& path, const std::string& type, const std::string& use,
            const std::string& channel, const std::string& note) {
    text_ += "| `" + path + "` | " + type + " | " + use + " | " + channel + " | " + note + " |\n";
  }

  std::string text_;
  std::map<std::pair<const Field*, const Channel*>, std::string> shown_;  // where, the first time
};

std::string table_of(std::span<const Field> fields) {
  Table table;
  table.fields(fields, {}, nullptr);
  return "| field | type | use | inspected as | note |\n|---|---|---|---|---|\n" + table.text();
}

struct Section {
  std::string_view name;
  std::span<const Field> fields;
};

// The page with every section's table in its place; empty if a marker is missing.
std::string with_tables(std::string page) {
  const Section sections[] = {{"openai", openai_fields()},
                              {"responses", responses_fields()},
                              {"anthropic", anthropic_fields()},
                              {"count_tokens", count_tokens_fields()}};
  for (const Section& section : sections) {
    const std::string open = "<!-- fields: " + std::string(section.name) + " -->\n";
    const size_t from = page.find(open);
    const size_t to = page.find("<!-- end -->", from);
    if (from == std::string::npos || to == std::string::npos) return {};
    page.replace(from + open.size(), to - from - open.size(), table_of(section.fields));
  }
  return page;
}

TEST(Docs, TheProtocolTablesAreTheOnesInTheCode) {
  const auto path = std::filesystem::path(PV_SOURCE_DIR) / "docs/protocols.md";
  const std::string page = test::read_file(path);
  const std::string expected = with_tables(page);
  ASSERT_FALSE(expected.empty()) << "docs/protocols.md lacks a marker";
  if (std::getenv("PROVISO_UPDATE_DOCS") != nullptr) {
    std::ofstream(path, std::ios::binary) << expected;
    return;
  }
  EXPECT_EQ(page, expected) << "docs/protocols.md is out of date";
  // The comparison itself: a page that forgets a row must not pass.
  std::string less = page;
  const size_t row = less.find("| `seed` |");
  ASSERT_NE(row, std::string::npos);
  less.erase(row, less.find('\n', row) + 1 - row);
  EXPECT_NE(with_tables(less), less);
}

}  // namespace
}  // namespace proviso::exchange
