#pragma once
// What the training program prints: how well models that had not seen a row judge it, at the thresholds that
// are shipped and at the points that the bars are set for. Pure but for standard output.
#include <array>
#include <vector>

#include "inspect/kernel.h"
#include "inspect/training/rows.h"

namespace proviso::inspect {

// Categories that a class of its own learns, beside the look-alikes that it must let go; the classes from
// kFirstRedLine on, in order.
inline constexpr std::string_view kRedLines[] = {"autonomous_targeting", "mass_domestic_surveillance",
                                                 "bulk_us_persons", "person_intercept", "ungoverned_finetune"};

// A row and its highest margins, by the model that has not seen it.
struct Judgement {
  const Row* row = nullptr;
  Margins margin{};
};

bool is_benign(const Row& row);
bool is_ordinary(const Row& row);
bool is_look_alike(const Row& row, size_t k);  // of red line `k`
bool counts_for(const Row& row, size_t k);     // a positive of class `k`, for recall

// The lowest threshold of class `k` at which at most these shares of benign and of ordinary rows are labelled.
float threshold_for(const std::vector<Judgement>& rows, size_t k, double benign, double ordinary);

// An agreement denies all red lines: raises their thresholds so that at most this share of ordinary rows has any
// of them, and the sum of their recalls is the highest.
void share_red_lines(const std::vector<Judgement>& rows, double ordinary, Margins& thresholds);

void print_report(const std::vector<Judgement>& rows, const Margins& thresholds);

}  // namespace proviso::inspect
