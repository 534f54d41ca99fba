#include "gate/judge.h"

#include <algorithm>

namespace proviso::gate {

void Content::add(const std::vector<std::string>& more_labels, int64_t score, int64_t rank) {
  marking = std::max(marking, rank);
  top_score = std::max(top_score, score);
  for (const std::string& label : more_labels) {
    const auto at = std::lower_bound(labels.begin(), labels.end(), label);
    if (at == labels.end() || *at != label) labels.insert(at, label);
  }
}

void Content::add(const Content& more) {
  add(more.labels, more.top_score, more.marking);
  unreadable_parts += more.unreadable_parts;
  bytes += more.bytes;
}

void Content::add(const Judged& part) {
  add(part.segment.labels, part.segment.top_score, part.segment.marking);
  unreadable_parts += part.unreadable_parts;
}

void Content::put(exchange::Facts& facts) const {
  facts.set("context.content.bytes", exchange::rounded_size(std::max(bytes, kSizeFactBytesMin)));
  facts.set("context.content.labels", labels);
  facts.set("context.content.marking", marking);
  facts.set("context.content.top_score", top_score);
  facts.set("context.content.unreadable_parts", unreadable_parts);
}

bool Content::same_facts(const Content& other) const {
  return labels == other.labels && top_score == other.top_score && marking == other.marking &&
         unreadable_parts == other.unreadable_parts &&
         exchange::rounded_size(std::max(bytes, kSizeFactBytesMin)) ==
             exchange::rounded_size(std::max(other.bytes, kSizeFactBytesMin));
}

void Judge::push(exchange::Channel channel, int32_t group, exchange::Syntax syntax,
                 std::string_view bytes, std::vector<Judged>& out) {
  const TextKey key{channel, group, syntax};
  auto text = texts_.find(key);
  if (text == texts_.end()) {
    const auto kind =
        syntax == exchange::Syntax::kJson ? inspect::TextKind::kJson : inspect::TextKind::kPlain;
    text = texts_.emplace(key, Text{inspector_.open_stream(kind, opinions_)}).first;
  }
  segments_.clear();
  text->second.stream.push(bytes, segments_);
  take_segments(key, text->second, out);
}

void Judge::take_segments(const TextKey& key, Text& text, std::vector<Judged>& out) {
  for (inspect::Segment& segment : segments_) {
    const uint64_t begin = text.begin;
    text.begin += segment.text.size();
    const bool first = segment.unweighed && !text.unweighed;
    text.unweighed = text.unweighed || segment.unweighed;
    out.push_back({key, begin, std::move(segment), first ? 1 : 0});
  }
}

void Judge::finish_text(const TextKey& key, Text& text, std::vector<Judged>& out) {
  segments_.clear();
  text.stream.finish(segments_);
  take_segments(key, text, out);
}

void Judge::end(exchange::Channel channel, int32_t group, std::vector<Judged>& out) {
  for (const auto syntax : {exchange::Syntax::kPlain, exchange::Syntax::kJson}) {
    const auto text = texts_.find(TextKey{channel, group, syntax});
    if (text == texts_.end()) continue;
    finish_text(text->first, text->second, out);
    texts_.erase(text);
  }
}

void Judge::finish(std::vector<Judged>& out) {
  for (auto& [key, text] : texts_) finish_text(key, text, out);
  texts_.clear();
}

std::vector<Judged> Judge::segments_of(const inspect::Inspector& inspector,
                                       const std::vector<exchange::Piece>& pieces, Content& content,
                                       std::shared_ptr<inspect::OpinionsLeft> opinions) {
  Judge judge(inspector, std::move(opinions));
  std::vector<Judged> judged;
  for (const exchange::Piece& piece : pieces) {
    if (piece.readable == exchange::Readable::kNo) {
      ++content.unreadable_parts;
      continue;
    }
    const std::string& bytes = piece.text.open_for_inspection();
    if (!piece.again) content.bytes += bytes.size();
    judge.push(piece.channel, piece.group, piece.syntax, bytes, judged);
  }
  judge.finish(judged);
  return judged;
}

Content Judge::content_of(const inspect::Inspector& inspector,
                          const std::vector<exchange::Piece>& pieces) {
  Content content;
  for (const Judged& part : segments_of(inspector, pieces, content)) content.add(part);
  return content;
}

}  // namespace proviso::gate
