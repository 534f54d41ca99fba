#include "ledger/receipt.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "base/json.h"
#include "base/merkle.h"
#include "ledger/log.h"

namespace proviso::ledger {
namespace {

// "subtree/v1\n\0" of tlog-cosignature is the model: a NUL, which no signed note may hold.
constexpr std::string_view kReceiptDomain{"proviso/receipt@v1\n\0", 20};

Result<Digest> digest_from_base64(std::string_view text) {
  PV_TRY(const auto bytes, base64_decode(text));
  return digest_from_bytes(bytes);
}

template <class T>
Result<T> member(json::Object object, std::string_view name) {
  T value{};
  if (object[name].get(value) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "a receipt has no usable `" + std::string(name) + "`");
  }
  return value;
}

Result<std::string_view> text_member(json::Object object, std::string_view name) {
  return member<std::string_view>(object, name);
}

// The root that `path` leads to (RFC 9162 2.1.3.2): the signature then says whether it is the right
// one.
Result<Digest> fold_path(uint64_t index, uint64_t size, const Digest& leaf,
                         std::span<const Digest> path) {
  uint64_t last = size - 1;
  Digest root = leaf;
  for (const auto& sibling : path) {
    if (last == 0) return fail(Code::kInvalid, "a receipt's path is too long for its interval");
    if (index % 2 == 1 || index == last) {
      root = merkle::node_hash(sibling, root);
      for (; index % 2 == 0 && index != 0; index /= 2) last /= 2;
    } else {
      root = merkle::node_hash(root, sibling);
    }
    index /= 2;
    last /= 2;
  }
  if (last != 0) return fail(Code::kInvalid, "a receipt's path is too short for its interval");
  return root;
}

}  // namespace

Status check_origin(std::string_view origin) {
  const bool printable = std::ranges::all_of(origin, [](char c) { return c > ' ' && c < 127; });
  if (origin.empty() || origin.size() > kOriginBytesMax || !printable ||
      origin.find('+') != std::string_view::npos) {
    return fail(Code::kInvalid,
                "an origin is 1 to 255 printable ASCII characters without space or `+`");
  }
  return {};
}

std::string receipt_message(std::string_view origin, uint64_t start, uint64_t end,
                            const Digest& interval_root, UtcSeconds time) {
  std::string out(kReceiptDomain);
  out += origin;
  for (const auto& line : {std::to_string(start), std::to_string(end),
                           base64_encode(interval_root.view()), std::to_string(time.value)}) {
    out += '\n';
    out += line;
  }
  return out += '\n';
}

std::string Receipt::text() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("end").uinteger(end);
  writer.key("format").string("proviso/receipt@v1");
  writer.key("index").uinteger(index);
  writer.key("leaf").string(base64_encode(leaf.view()));
  writer.key("origin").string(origin);
  writer.key("path").begin_array();
  for (const auto& hash : path) writer.string(base64_encode(hash.view()));
  writer.end_array();
  writer.key("signature").string(base64_encode(signature));
  writer.key("start").uinteger(start);
  writer.key("time").integer(time.value);
  writer.end_object();
  return out;
}

Result<Receipt> Receipt::parse(std::string_view text) {
  if (text.size() > kReceiptTextBytesMax)
    return fail(Code::kLimit, "a receipt is at most 2048 bytes");
  json::Parser parser;
  PV_TRY(const auto element, parser.parse(text));
  json::Object object;
  if (element.get(object) != simdjson::SUCCESS)
    return fail(Code::kInvalid, "a receipt is an object");
  Receipt receipt;
  PV_TRY(const auto format, text_member(object, "format"));
  if (format != "proviso/receipt@v1") return fail(Code::kUnsupported, "not a receipt of version 1");
  PV_TRY(receipt.end, member<uint64_t>(object, "end"));
  PV_TRY(receipt.index, member<uint64_t>(object, "index"));
  PV_TRY(receipt.start, member<uint64_t>(object, "start"));
  PV_TRY(receipt.time.value, member<int64_t>(object, "time"));
  PV_TRY(const auto leaf, text_member(object, "leaf"));
  PV_TRY(receipt.leaf, digest_from_base64(leaf));
  PV_TRY(const auto origin, text_member(object, "origin"));
  PV_TRY_VOID(check_origin(origin));
  receipt.origin = origin;
  PV_TRY(const auto signature, text_member(object, "signature"));
  PV_TRY(receipt.signature, base64_decode(signature));
  PV_TRY(const auto path, member<json::Array>(object, "path"));
  for (const auto hash : path) {
    std::string_view encoded;
    if (hash.get(encoded) != simdjson::SUCCESS || receipt.path.size() == kReceiptPathMax) {
      return fail(Code::kInvalid, "a receipt's `path` is at most 10 hashes");
    }
    PV_TRY(const auto digest, digest_from_base64(encoded));
    receipt.path.push_back(digest);
  }
  if (receipt.text() != text) return fail(Code::kInvalid, "a receipt is not in its one spelling");
  return receipt;
}

Status Receipt::verify(const PublicKey& key) const {
  if (start >= end || end - start > kBatchEntriesMax || index < start || index >= end) {
    return fail(Code::kInvalid, "a receipt's index is outside its interval");
  }
  PV_TRY(const Digest root, fold_path(index - start, end - start, leaf, path));
  if (!key.verify(receipt_message(origin, start, end, root, time), signature)) {
    return fail(Code::kUnverified, "the receipt's signature does not hold under this key");
  }
  return {};
}

IntervalTree::IntervalTree(std::vector<Digest> leaf_hashes) {
  PV_CHECK(!leaf_hashes.empty());
  levels_.push_back(std::move(leaf_hashes));
  while (levels_.back().size() > 1) {
    const auto& below = levels_.back();
    std::vector<Digest> level;
    level.reserve((below.size() + 1) / 2);
    for (size_t i = 0; i + 1 < below.size(); i += 2) {
      level.push_back(merkle::node_hash(below[i], below[i + 1]));
    }
    // RFC 6962 2.1: an odd node has no sibling and stands for itself one level up.
    if (below.size() % 2 == 1) level.push_back(below.back());
    levels_.push_back(std::move(level));
  }
}

std::vector<Digest> IntervalTree::path(size_t i) const {
  PV_CHECK(i < size());
  std::vector<Digest> out;
  out.reserve(levels_.size());
  for (size_t level = 0; level + 1 < levels_.size(); ++level, i /= 2) {
    const size_t sibling = i ^ 1;
    if (sibling < levels_[level].size()) out.push_back(levels_[level][sibling]);
  }
  return out;
}

}  // namespace proviso::ledger
