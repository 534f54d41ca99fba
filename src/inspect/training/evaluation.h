#pragma once
// How well the detectors do on labelled rows: what `proviso eval` prints. A row counts as found if any label
// that stands for its own is put anywhere in its text. Pure.
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "inspect/inspector.h"
#include "inspect/training/rows.h"

namespace proviso::inspect {

// k of n with its exact 95 % bounds (Clopper and Pearson 1934).
struct Share {
  size_t k = 0;
  size_t n = 0;
  void count(bool hit);
  [[nodiscard]] double value() const;  // 0 where n is 0
  [[nodiscard]] double low() const;
  [[nodiscard]] double high() const;
};

struct Evaluation {
  struct Label {
    Share recall;          // rows of this label that were found
    Share precision;       // of the rows with its labels that are of it or benign: those of it
    Share false_all;       // benign rows with its labels
    Share false_ordinary;  // those of the categories ordinary_*
    std::map<std::string, Share> languages;  // recall by language, rows without an encoding
    Share plain;           // recall of rows without an encoding
    Share encoded;         // and of the others
  };
  struct Category {
    std::string label;                        // of its rows
    Share found;                              // benign rows: with any label
    std::map<std::string, size_t> labels;     // how many rows each label was put on
  };
  std::map<std::string, Label> labels;
  std::map<std::string, Category> categories;
  // Names and addresses: what a finding of the label is held against is a span of the type.
  struct SpanScore {
    Share exact_recall;     // spans with a finding of the same begin and end
    Share exact_precision;  // findings with such a span; findings in benign rows are not counted here
    Share half_recall;      // spans of which one finding covers half or more
    Share half_precision;   // findings of which one span covers half or more
    [[nodiscard]] double exact_f1() const;
    [[nodiscard]] double half_f1() const;
  };
  std::map<std::string, SpanScore> span_scores;  // by label
  std::map<std::string, Share> spans;         // by type: spans of which a finding covers half or more
  Share markings_exact;                       // rows with `expect` whose first marking has just these attributes
  size_t rows = 0;
};

// The labels that stand for a row's label: "pii" is found by `contact`, too.
std::vector<std::string> labels_for(const std::string& row_label);

// Judges the rows on every processor. `progress`, if any, hears now and then how many are done, on the caller's thread.
Evaluation evaluate(const Inspector& inspector, const std::vector<Row>& rows,
                    const std::function<void(size_t)>& progress = {});

}  // namespace proviso::inspect
