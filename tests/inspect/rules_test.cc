// Markings and personal data: what is found, what is let go, and why a check digit counts.
#include <gtest/gtest.h>

#include "inspect/identifiers.h"
#include "inspect/inspector.h"
#include "inspect/markings.h"

namespace proviso::inspect {
namespace {

Marking marking_in(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    const size_t behind = std::min(at, kBehindBytesMax);
    const Look look{.text = text.substr(at - behind), .at = behind, .starts = behind == at, .ended = true};
    Marking marking;
    if (find_marking(look, marking).answer == Found::Answer::kYes) return marking;
  }
  return {.rule = "none", .rank = 0, .attributes = {}, .faults = {}};
}

std::string text_of(const Marking& marking) {
  std::string out = marking.rule + " " + std::to_string(marking.rank);
  for (const auto& [name, values] : marking.attributes) {
    if (name == "ownerProducer") continue;
    out += " " + name + "=";
    for (const std::string& value : values) out += (out.back() == '=' ? "" : ",") + value;
  }
  for (const std::string& fault : marking.faults) out += " !" + fault;
  return out;
}

struct MarkingCase {
  const char* text;
  const char* expected;
};

TEST(InspectMarkings, AreReadByTheirGrammar) {
  const MarkingCase cases[] = {
      {"SECRET\nText.", "us-banner 3 classification=S"},
      {"TOP SECRET//SI-G/TK//ORCON/NOFORN\nText.",
       "us-banner 4 SCIcontrols=SI,SI-G,TK classification=TS disseminationControls=OC,NF"},
      {"secret//fgi deu jpn//rel to usa, aus\nText.",
       "us-banner 3 FGIsourceOpen=DEU,JPN classification=S disseminationControls=REL releasableTo=USA,AUS"},
      {"Classification: CONFIDENTIAL//RD-CNWDI//NOFORN", "us-banner 2 atomicEnergyMarkings=RD,RD-CNWDI classification=C disseminationControls=NF"},
      {"(S//NF) The pumps are old.", "us-portion 3 classification=S disseminationControls=NF"},
      {"1. (U) The pumps are old.", "us-portion 0 classification=U"},
      {"UNCLASSIFIED//FOUO\nText.", "us-banner 1 classification=U disseminationControls=FOUO"},
      {"NATO SECRET\nText.", "nato 3"},
      {"Header: OFFICIAL-SENSITIVE\nText.", "uk 1"},
      {"TR\xc3\x88S SECRET UE/EU TOP SECRET", "none 0"},  // the reading takes the accent away, not this test
      {"TLP:AMBER+STRICT", "tlp 1"},
      // Contradictions.
      {"UNCLASSIFIED//SI\nText.", "us-banner 0 SCIcontrols=SI classification=U !ISM-ID-00043"},
      {"SECRET//NOFORN//SI\nText.", "us-banner 3 SCIcontrols=SI classification=S disseminationControls=NF !order"},
      {"SECRET//NOFRON\nText.", "us-banner 3 classification=S !unknown-token"},
      {"SECRET NOFORN\nText.", "us-banner 3 classification=S !separator"},
      {"NOFORN//SECRET\nText.", "us-banner 3 classification=S !order"},
      {"SECRET//REL TO GBR, AUS", "us-banner 3 classification=S disseminationControls=REL releasableTo=GBR,AUS !relto-no-usa"},
      // No markings.
      {"The secret of good bread is time.", "none 0"},
      {"Grade: (S) satisfactory, (U) unsatisfactory.", "none 0"},
      {"A TOP SECRET recipe", "none 0"},
      {"TS 102 941 is a specification.", "none 0"},
      {"Protected bike lanes opened.", "none 0"},
      {"(S) size is sold out.", "none 0"},
  };
  for (const MarkingCase& c : cases) EXPECT_EQ(text_of(marking_in(c.text)), c.expected) << c.text;
}

std::vector<Finding> findings_of(std::string_view text, TextKind kind = TextKind::kPlain) {
  static const Inspector inspector = Inspector::create();
  const Text one{text, kind};
  return inspector.inspect(std::span(&one, 1)).findings;
}

std::string rules_in(std::string_view text, TextKind kind = TextKind::kPlain) {
  std::string out;
  for (const Finding& finding : findings_of(text, kind)) {
    const bool class_label = finding.rule == "window" || finding.rule == "sentence";
    if (!class_label) out += (out.empty() ? "" : " ") + finding.rule;
  }
  return out;
}

TEST(InspectMarkings, WhatContradictsTheFirstBannerIsAFault) {
  EXPECT_EQ(rules_in("SECRET//NOFORN\n\nText.\n\nTOP SECRET//NOFORN"), "us-banner us-banner banner-mismatch");
  EXPECT_EQ(rules_in("UNCLASSIFIED\n\n(TS//SI//NF) Text.\n\nUNCLASSIFIED"),
            "us-banner us-portion portion-above-banner us-banner");
  EXPECT_EQ(rules_in("SECRET//NF\n\n(S//NF) Text.\n\nSECRET//NF"), "us-banner us-portion us-banner");
}

TEST(InspectPersonalData, IsFoundByFormCheckDigitAndContext) {
  const MarkingCase cases[] = {
      {"My card 4111 1111 1111 1111 is lost.", "payment-card"},
      {"card 378282246310005", "payment-card"},
      {"IBAN DE89 3704 0044 0532 0130 00, please", "iban"},
      {"pay to GB82WEST12345698765432.", "iban"},
      {"SSN 120-31-4634", "us-ssn"},
      {"NHS number 943 476 5919", "uk-nhs"},
      {"Steuer-ID 36574261809", "de-steuer-id"},
      {"DNI 12345678Z", "es-dni"},
      {"hetu 131052-308T", "fi-hetu"},
      {"personnummer 811228-9874", "se-personnummer"},
      {"NIR 255081416802538", "fr-nir"},
      {"IMEI 490154203237518", "imei"},
      {"born 11.07.1960", "birth-date"},
      {"born on January 29, 1982.", "birth-date"},
      {"mail a.b@post.example.org now", "email"},
      {"call +46 8 301 5628", "phone"},
      {"(884) 686-8450 x471", "phone"},
      {"from 93.176.9.1 today", "ip-address"},
      {"at 41.33304, -54.08948 now", "coordinates"},
      {"passport C4K25KPZ0", "passport"},
      {"passport CPZ4WHHZT", "passport"},
      {"MRN 20898654", "mrn"},
  };
  for (const MarkingCase& c : cases) EXPECT_EQ(rules_in(c.text), c.expected) << c.text;
}

// The same numbers with one digit changed, and numbers that only look alike.
TEST(InspectPersonalData, WithoutItsCheckDigitANumberIsNone) {
  for (const char* text :
       {"My card 4111 1111 1111 1112 is lost.", "pay to DE89 3704 0044 0532 0130 01", "NHS number 943 476 5918",
        "Steuer-ID 36574261808", "DNI 12345678A", "hetu 131052-308U", "personnummer 811228-9875",
        "IMEI 490154203237519", "ISBN 978-8-13-524219-8", "Part number 1976-32-953-2384 is out of stock.",
        "Version 56.84.959 was released on 2024-03-02.", "Tracking number 1Z44B8668849215985",
        "Barcode 321514331728", "192.0.2.85 and 10.1.2.3 and 127.0.0.1", "Invoice total 3654.27, VAT 564.45.",
        "Grid reference 31U DQ 42286 25247, elevation 532 m.", "SSN 000-31-4634", "Port 8530 is closed."}) {
    EXPECT_EQ(rules_in(text), "") << text;
  }
}

TEST(InspectPersonalData, IsFoundInDisguiseAndPlacesAreThoseOfTheText) {
  // Zero-width spaces inside; the finding covers them.
  const std::string text = "card 4111\xe2\x80\x8b" "1111\xe2\x80\x8b" "1111\xe2\x80\x8b" "1111.";
  const std::vector<Finding> found = findings_of(text);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].offset, 5u);
  EXPECT_EQ(found[0].length, 16u + 9u);
  EXPECT_EQ(rules_in("card \xef\xbc\x94\xef\xbc\x91\xef\xbc\x91\xef\xbc\x91 1111 1111 1111"), "payment-card");
  EXPECT_EQ(rules_in(R"({"card":"\u0034111 1111 1111 1111"})", TextKind::kJson), "payment-card");
  EXPECT_EQ(rules_in(R"({"line":"a\nTOP SECRET//NOFORN\nb"})", TextKind::kJson), "us-banner");
}

// An agreement's labels choose the detectors; secrets and the rank of markings are always found.
TEST(InspectLabels, OnlyWhatAnAgreementNamesIsPut) {
  const std::string text = "TOP SECRET//NOFORN\nmail a.b@post.example.org";
  const std::vector<std::string> contact = {"contact"};
  const auto all = Inspector::create();
  const auto some = all.looking_for(contact);
  const auto none = all.looking_for({});
  const std::string_view view = text;
  EXPECT_EQ(all.inspect(std::span(&view, 1)).labels, (std::vector<std::string>{"contact", "marking"}));
  EXPECT_EQ(some.inspect(std::span(&view, 1)).labels, contact);
  EXPECT_TRUE(none.inspect(std::span(&view, 1)).labels.empty());
  EXPECT_EQ(none.inspect(std::span(&view, 1)).marking, kRankTopSecret);
}

// The quick pass lets capitals go that begin nothing; one that begins a date stays, wherever segments end.
TEST(Rules, FindADateThatBeginsWithAMonthWhereverItStands) {
  const Inspector inspector = Inspector::create().looking_for(std::vector<std::string>{"personal_identifier"});
  for (size_t before = 0; before < 120; ++before) {
    const std::string text = std::string(before / 2, 'w') + " " + std::string(before - before / 2, 'v') +
                             " Ana, born on January 29, 1982, lives here.";
    const std::string_view view = text;
    const Verdict verdict = inspector.inspect(std::span(&view, 1));
    ASSERT_EQ(verdict.findings.size(), 1u) << before;
    EXPECT_EQ(verdict.findings[0].rule, "birth-date");
  }
  for (std::string_view word : {"January 29", "May", "Dec.", "KA-XB", "B AB", "MRN", "Ab1", "A"}) EXPECT_TRUE(may_open_identifier(word)) << word;
  for (std::string_view word : {"Januaryish 29", "Maya", "Leave the", "It", "Decide."}) EXPECT_FALSE(may_open_identifier(word)) << word;
}

}  // namespace
}  // namespace proviso::inspect
