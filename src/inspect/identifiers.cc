#include "inspect/identifiers.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

namespace proviso::inspect {
namespace {

constexpr int64_t kScoreChecked = 1000;   // a check digit holds
constexpr int64_t kScoreNamed = 900;      // a word before it says what it is
constexpr int64_t kScoreShape = 800;      // nothing else has this form

constexpr size_t kContextBytes = 44;      // before a number: where the word that names it may stand
constexpr size_t kRunBytesMax = 48;       // the longest IBAN with blanks has 42

int digit(char c) { return c - '0'; }

Found found(const Look& look, size_t end, std::string_view label, std::string_view rule, int64_t score) {
  return {.answer = Found::Answer::kYes, .begin = look.at, .end = end, .label = label, .rule = rule,
          .score = score};
}

// Whether one of `words` (lower case) stands in the few bytes before `look.at`, in the same line or the
// one above.
bool named(const Look& look, std::span<const std::string_view> words) {
  const std::string_view behind = look.behind();
  std::string context(behind.substr(behind.size() - std::min(behind.size(), kContextBytes)));
  for (char& c : context) c = lower_of(c);
  return std::ranges::any_of(words, [&](std::string_view word) {
    const size_t at = context.rfind(word);
    if (at == std::string::npos || (at > 0 && is_word(context[at - 1]))) return false;
    // Short words must stand alone; long ones may have an ending.
    constexpr size_t kWholeWord = 4;
    const size_t end = at + word.size();
    return word.size() > kWholeWord || end == context.size() || !is_letter(context[end]);
  });
}

// Digits with single separators between groups, from `look.at` on.
struct Run {
  std::string digits;
  std::string shape;           // "0" for a digit, separators as they stand: "000-00-0000"
  std::vector<size_t> ends;    // of each digit, in the text
};

bool is_separator(char c) { return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')'; }

Run read_run(const Look& look) {
  Run run;
  size_t i = look.at;
  if (look[i] == '+') run.shape += look[i++];
  for (; i < look.text.size() && run.shape.size() < kRunBytesMax; ++i) {
    const char c = look[i];
    if (is_digit(c)) {
      run.digits += c;
      run.shape += '0';
      run.ends.push_back(i + 1);
    } else if (is_separator(c)) {
      // Two separators only around brackets: "(884) 686".
      const char last = run.shape.empty() ? '\0' : run.shape.back();
      if (!run.shape.empty() && is_separator(last) && last != ')' && c != '(') break;
      run.shape += c;
    } else {
      break;
    }
  }
  while (!run.shape.empty() && !is_digit(run.shape.back())) run.shape.pop_back();
  return run;
}

size_t end_of(const Run& run) { return run.ends.empty() ? 0 : run.ends.back(); }

// --- cards, devices, states

bool is_card(std::string_view d) {
  const auto two = static_cast<int>(digit(d[0]) * 10 + digit(d[1]));
  const auto four = std::stoi(std::string(d.substr(0, 4)));
  if (d.size() == 15) return two == 34 || two == 37;
  if (d.size() == 14) return two == 36 || two == 38 || two == 30;
  if (d.size() == 16) {
    return d[0] == '4' || (two >= 51 && two <= 55) || (four >= 2221 && four <= 2720) || d[0] == '6' ||
           two == 35 || two == 50 || (two >= 56 && two <= 58);
  }
  if (d.size() == 12 || d.size() == 11) return two == 50 || d[0] == '6' || (two >= 56 && two <= 58);
  return (d.size() == 13 || d.size() == 19) && d[0] == '4';
}

bool one_kind_of_separator(std::string_view shape) {
  char seen = '0';
  for (char c : shape) {
    if (c == '0') continue;
    if (c != ' ' && c != '-') return false;
    if (seen != '0' && c != seen) return false;
    seen = c;
  }
  return true;
}

constexpr std::string_view kCardWords[] = {"card", "cc", "visa", "mastercard", "amex", "credit", "carte",
                                           "karte", "tarjeta"};
constexpr std::string_view kImeiWords[] = {"imei", "handset", "device"};
constexpr std::string_view kNhsWords[] = {"nhs"};
constexpr std::string_view kTaxWords[] = {"steuer", "idnr", "tin", "tax"};
constexpr std::string_view kDodWords[] = {"dod id", "edipi", "dod-id", "dodid"};
constexpr std::string_view kSsnWords[] = {"ssn", "social security", "social sec"};
constexpr std::string_view kPhoneWords[] = {
    "phone", "tel", "telefon", "call", "mobile", "fax", "number is", "cell", "ring", "reach", "contact",
    "telefono", "puhelin", "numero", "appelez", "llame", "chiam", "anruf", "rufen", "erreich", "text me",
    "telephone", "new number", "answering at", "soita", "whatsapp", "ligue", "joindre", "au", "unter", "al", "dial", "joignable"};
constexpr std::string_view kBirthWords[] = {
    "born", "birth", "dob", "b-day", "birthday", "geboren", "geb.", "nee", "ne le", "nato il", "nata il",
    "nacido", "nacida", "nacimiento", "nascido", "nascida", "nascimento", "fodd", "syntynyt", "narozen",
    "dogum", "nascita", "naissance", "urodzony", "urodzona"};
constexpr std::string_view kPassportWords[] = {"passport", "reisepass", "passeport", "pasaporte"};
constexpr std::string_view kLicenceWords[] = {"licence", "license", "driver", "driving", "dl "};
constexpr std::string_view kPlateWords[] = {"vehicle", "plate", "registration", "license plate", "car"};
constexpr std::string_view kMrnWords[] = {"mrn", "medical record", "patient id", "patient number"};

bool valid_ssn(const Run& run) {
  if (run.shape != "000-00-0000" && run.shape != "000 00 0000") return false;
  const std::string area = run.digits.substr(0, 3);
  return area != "000" && area != "666" && area[0] != '9' && run.digits.substr(3, 2) != "00" &&
         run.digits.substr(5) != "0000";
}

Found find_checked(const Look& look, const Run& run) {
  const std::string_view d = run.digits;
  const auto yes = [&](std::string_view rule, int64_t score) {
    return found(look, end_of(run), kLabelIdentifier, rule, score);
  };
  if (valid_ssn(run)) return yes("us-ssn", kScoreShape);
  const bool plain = run.shape.find_first_not_of('0') == std::string::npos;
  if (d.size() == 15 && plain && nir_holds(d)) return yes("fr-nir", kScoreChecked);
  if (d.size() == 15 && plain && luhn_holds(d) && named(look, kImeiWords)) return yes("imei", kScoreChecked);
  if (d.size() >= 11 && d.size() <= 19 && one_kind_of_separator(run.shape) && is_card(d) && luhn_holds(d)) {
    if (d.size() >= 14 || named(look, kCardWords)) return yes("payment-card", kScoreChecked);
  }
  if (d.size() == 15 && plain && luhn_holds(d) && (d.starts_with("35") || d.starts_with("86"))) {
    return yes("imei", kScoreChecked);
  }
  if (d.size() == 10 && nhs_holds(d) && named(look, kNhsWords)) return yes("uk-nhs", kScoreChecked);
  if (d.size() == 11 && steuer_id_holds(d) && named(look, kTaxWords)) return yes("de-steuer-id", kScoreChecked);
  if ((run.shape == "00000000-0000" || run.shape == "000000-0000") && personnummer_holds(d)) {
    return yes("se-personnummer", kScoreChecked);
  }
  if (d.size() == 9 && plain && named(look, kSsnWords)) return yes("us-ssn", kScoreNamed);
  if (d.size() == 10 && plain && named(look, kDodWords)) return yes("us-dod-id", kScoreNamed);
  if (d.size() >= 6 && d.size() <= 12 && plain && named(look, kMrnWords)) return yes("mrn", kScoreNamed);
  if (d.size() >= 8 && d.size() <= 9 && plain && named(look, kPassportWords)) {
    return yes("passport", kScoreNamed);
  }
  if (d.size() >= 7 && d.size() <= 13 && plain && named(look, kLicenceWords)) {
    return yes("driver-licence", kScoreNamed);
  }
  return Found::no();
}

// --- telephones, dates of birth, addresses of the network, coordinates

bool is_date(std::string_view shape) {
  for (std::string_view form : {"00/00/0000", "0000-00-00", "00.00.0000", "00-00-0000", "0/00/0000",
                                "00/0/0000", "0/0/0000", "0000/00/00", "0.0.0000", "00.0.0000"}) {
    if (shape == form) return true;
  }
  return false;
}

Found find_phone(const Look& look, const Run& run) {
  const std::string_view shape = run.shape;
  const size_t n = run.digits.size();
  if (n < 7 || n > 15 || shape.find('/') != std::string_view::npos) return Found::no();
  // The rest of a longer number is none.
  size_t before = look.at;
  while (before > 0 && look[before - 1] == ' ') --before;
  if (before > 0 && is_digit(look[before - 1])) return Found::no();
  const bool international = shape.starts_with('+') ? n >= 8 : run.digits.starts_with("00") && n >= 10;
  bool american = false;
  for (std::string_view form : {"(000) 000-0000", "000-000-0000", "(000)000-0000", "0-000-000-0000",
                                "000.000.0000", "+0-000-000-0000", "000-0000"}) {
    american = american || shape == form;
  }
  if (shape == "000-0000") american = false;
  if (!international && !american && (is_date(shape) || !named(look, kPhoneWords))) return Found::no();
  size_t end = end_of(run);
  size_t extension = end;
  if (look[extension] == ' ') ++extension;
  if (look[extension] == 'x' && is_digit(look[extension + 1])) {
    end = extension + 1;
    while (is_digit(look[end])) ++end;
  }
  return found(look, end, kLabelContact, "phone", american || international ? kScoreShape : kScoreNamed);
}

Found find_ip(const Look& look) {
  if (look.at > 0 && look[look.at - 1] == '.') return Found::no();  // the end of a longer row of numbers
  int parts[4] = {};
  size_t i = look.at;
  for (int part = 0; part < 4; ++part) {
    size_t count = 0;
    for (; is_digit(look[i]) && count < 4; ++i, ++count) parts[part] = parts[part] * 10 + digit(look[i]);
    if (count == 0 || count > 3 || parts[part] > 255) return Found::no();
    if (part < 3 && look[i++] != '.') return Found::no();
  }
  if (look[i] == '.' && is_digit(look[i + 1])) return Found::no();
  // Not a person's: private, loopback, link-local, documentation (RFC 1918, 5737), masks and zero.
  const int a = parts[0];
  const int b = parts[1];
  const bool documentation = (a == 192 && b == 0 && parts[2] == 2) || (a == 198 && b == 51 && parts[2] == 100) ||
                             (a == 203 && b == 0 && parts[2] == 113);
  if (a == 0 || a == 10 || a == 127 || a >= 224 || (a == 192 && b == 168) || (a == 172 && b >= 16 && b < 32) ||
      (a == 169 && b == 254) || documentation) {
    return Found::no();
  }
  return found(look, i, kLabelContact, "ip-address", kScoreShape);
}

// "41.33304, -154.08948": both with four decimals or more.
Found find_coordinates(const Look& look) {
  if (look.at > 0 && look[look.at - 1] == ',') return Found::no();
  size_t i = look.at;
  for (int part = 0; part < 2; ++part) {
    if (look[i] == '-' || look[i] == '+') ++i;
    const size_t whole = i;
    while (is_digit(look[i])) ++i;
    if (i == whole || i - whole > 3 || look[i] != '.') return Found::no();
    const size_t decimals = ++i;
    while (is_digit(look[i])) ++i;
    if (i - decimals < 4) return Found::no();
    if (part == 0) {
      if (look[i] != ',') return Found::no();
      ++i;
      if (look[i] == ' ') ++i;
    }
  }
  return found(look, i, kLabelContact, "coordinates", kScoreShape);
}

constexpr std::string_view kMonths[] = {"january", "february", "march", "april", "may", "june", "july",
                                        "august", "september", "october", "november", "december",
                                        "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "oct",
                                        "nov", "dec"};

std::string word_at(const Look& look, size_t from) {
  std::string word;
  for (size_t i = from; is_letter(look[i]); ++i) word += lower_of(look[i]);
  return word;
}

bool is_month(std::string_view word) { return std::ranges::find(kMonths, word) != std::end(kMonths); }

// "29 Jul 1970", "January 29, 1982", behind a word about birth.
Found find_written_birth(const Look& look) {
  size_t i = look.at;
  const auto skip = [&](auto in) {
    while (i < look.text.size() && in(look[i])) ++i;
  };
  const auto blank = [&] { i += look[i] == ' ' ? 1 : 0; };  // two end what is_decided() waits for
  if (is_digit(look[i])) {
    skip(is_digit);
    skip([](char c) { return c == '.'; });
    blank();
    if (!is_month(word_at(look, i))) return Found::no();
    skip(is_letter);
  } else {
    if (!is_month(word_at(look, i))) return Found::no();
    skip(is_letter);
    blank();
    if (!is_digit(look[i])) return Found::no();
    skip(is_digit);
  }
  skip([](char c) { return c == ',' || c == '.'; });
  blank();
  const size_t year = i;
  skip(is_digit);
  if (i - year != 4 || !named(look, kBirthWords)) return Found::no();
  return found(look, i, kLabelIdentifier, "birth-date", kScoreNamed);
}

// --- e-mail and what mixes letters with digits

bool is_local(char c) { return is_word(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-'; }
bool is_host(char c) { return is_word(c) || c == '.' || c == '-'; }

Found find_email(const Look& look) {
  size_t i = look.at;
  while (i < look.text.size() && is_local(look[i])) ++i;
  if (look[i] != '@' || i == look.at) return Found::no();
  const size_t host = ++i;
  while (i < look.text.size() && is_host(look[i])) ++i;
  while (i > host && !is_word(look[i - 1])) --i;
  const size_t dot = look.text.substr(host, i - host).rfind('.');
  if (dot == std::string_view::npos || dot == 0 || i - host - dot < 3) return Found::no();
  return found(look, i, kLabelContact, "email", kScoreShape);
}

Found find_iban(const Look& look) {
  std::string compact;
  size_t end = look.at;
  for (size_t i = look.at; i < look.text.size() && i - look.at < kRunBytesMax; ++i) {
    const char c = look[i];
    if (is_digit(c) || is_upper(c)) {
      compact += c;
    } else if (c != ' ' || look[i + 1] == ' ') {
      break;
    }
    if (is_word(look[i + 1]) && c != ' ') continue;  // in the middle of a group
    if (compact.size() >= 15 && iban_holds(compact)) end = i + 1;
  }
  if (end == look.at) return Found::no();
  return found(look, end, kLabelIdentifier, "iban", kScoreChecked);
}

// A word of letters and digits, as far as it goes.
std::string_view mixed_word(const Look& look) {
  size_t i = look.at;
  while (i < look.text.size() && (is_word(look[i]) || look[i] == '-' || look[i] == '+')) ++i;
  return look.text.substr(look.at, i - look.at);
}

bool is_plate(std::string_view text) {
  size_t letters = 0;
  size_t digits = 0;
  for (char c : text) {
    letters += is_upper(c) ? 1 : 0;
    digits += is_digit(c) ? 1 : 0;
    if (!is_upper(c) && !is_digit(c) && c != '-') return false;
  }
  return letters >= 1 && letters <= 5 && digits >= 2 && digits <= 5 && text.size() >= 4;
}

Found find_mixed(const Look& look) {
  const std::string_view word = mixed_word(look);
  const size_t end = look.at + word.size();
  const size_t digits = static_cast<size_t>(std::ranges::count_if(word, is_digit));
  if (word.size() == 9 && dni_holds(word)) return found(look, end, kLabelIdentifier, "es-dni", kScoreChecked);
  if (word.size() == 10 && word[8] == '-') {
    const std::string compact = std::string(word.substr(0, 8)) + word[9];
    if (dni_holds(compact)) return found(look, end, kLabelIdentifier, "es-dni", kScoreChecked);
  }
  if (word.size() == 11 && hetu_holds(word)) return found(look, end, kLabelIdentifier, "fi-hetu", kScoreChecked);
  // A document number of nine characters (ICAO 9303) may by chance have a single digit.
  const bool document = word.size() == 9 && std::ranges::all_of(word, [](char c) { return is_upper(c) || is_digit(c); });
  const size_t digits_min = document ? 1 : 2;
  if (digits >= digits_min && word.size() >= 6 && word.size() <= 10 && named(look, kPassportWords)) {
    return found(look, end, kLabelIdentifier, "passport", kScoreNamed);
  }
  if (digits >= 7 && word.size() <= 16 && named(look, kLicenceWords)) {
    return found(look, end, kLabelIdentifier, "driver-licence", kScoreNamed);
  }
  // A plate may have a blank in it: "KA-XB 4821", "AB12 CDE".
  size_t plate = end;
  if (look[end] == ' ' && (is_digit(look[end + 1]) || (is_upper(look[end + 1]) && is_upper(look[end + 2])))) {
    plate = end + 1;
    while (is_word(look[plate])) ++plate;
  }
  std::string compact(look.text.substr(look.at, plate - look.at));
  std::erase(compact, ' ');
  if (is_plate(compact) && named(look, kPlateWords)) {
    return found(look, plate, kLabelIdentifier, "vehicle-plate", kScoreNamed);
  }
  if (lower_of(word.empty() ? '\0' : word[0]) == 'm' && (word == "MRN" || word == "mrn")) {
    size_t i = end;
    while (look[i] == ':' || look[i] == '#' || (look[i] == ' ' && look[i - 1] != ' ')) ++i;
    const size_t number = i;
    while (is_digit(look[i])) ++i;
    if (i - number >= 6) return found(look, i, kLabelIdentifier, "mrn", kScoreNamed);
  }
  return Found::no();
}

// Nothing that begins here is still being written: the text goes on behind what any rule would read.
bool is_decided(const Look& look) {
  if (!look.may_grow()) return true;
  // Every rule stops at a byte that is none of these; two blanks end all of them.
  size_t blanks = 0;
  size_t words = 0;
  for (size_t i = look.at; i < look.text.size(); ++i) {
    const char c = look[i];
    if (c == '\n' || c == '"' || c == ';' || c == '<') return true;
    blanks = c == ' ' ? blanks + 1 : 0;
    if (blanks == 2) return true;
    if (c == ' ' && !is_digit(look[look.at]) && look[look.at] != '+' && ++words > 8) return true;
  }
  return look.text.size() - look.at > kRunBytesMax * 2;
}

// Whether a rule may still want more than is there.
bool opens(const Look& look) {
  const char c = look[look.at];
  size_t i = look.at;
  while (i < look.text.size() && is_local(look[i])) ++i;
  if (i == look.text.size() || look[i] == '@') return true;
  const bool number = is_digit(c) || c == '+' || c == '(' || c == '-';
  const std::string_view token = look.text.substr(look.at, i - look.at);
  const bool coded = is_upper(c) && std::ranges::any_of(token, is_digit);
  // "KA-XB 4821": a plate's letters, its digits to come.
  const bool capitals = is_upper(c) && std::ranges::none_of(token, is_lower);
  const std::string word = word_at(look, look.at);
  return number || coded || is_month(word) || word == "mrn" || capitals;
}

}  // namespace

bool may_open_identifier(std::string_view text) {
  size_t end = 1;
  while (end < text.size() && is_lower(text[end])) ++end;
  if (end == 1 || (end < text.size() && is_word(text[end]))) return true;
  return std::ranges::any_of(kMonths, [&](std::string_view month) {
    return month.size() == end && month[0] == lower_of(text[0]) && month.substr(1) == text.substr(1, end - 1);
  });
}

Found find_identifier(const Look& look) {
  if (!is_decided(look) && opens(look)) return Found::more();
  const char c = look[look.at];
  if (is_digit(c) || c == '+' || c == '(' || c == '-') {
    for (const Found& first : {find_coordinates(look), is_digit(c) ? find_ip(look) : Found::no(),
                               is_digit(c) ? find_mixed(look) : Found::no(),
                               is_digit(c) ? find_written_birth(look) : Found::no()}) {
      if (first.answer == Found::Answer::kYes) return first;
    }
    if (c == '-') return Found::no();
    const Run run = read_run(look);
    if (run.digits.size() >= 6) {
      const size_t end = end_of(run);
      const bool glued = is_letter(look[end]) && look[end] != 'x';
      if (is_date(run.shape) && named(look, kBirthWords)) {
        return found(look, end, kLabelIdentifier, "birth-date", kScoreNamed);
      }
      if (!glued) {
        Found checked = find_checked(look, run);
        if (checked.answer == Found::Answer::kYes) return checked;
        checked = find_phone(look, run);
        if (checked.answer == Found::Answer::kYes) return checked;
      }
    }
    return is_digit(c) ? find_email(look) : Found::no();
  }
  const Found email = find_email(look);
  if (email.answer == Found::Answer::kYes) return email;
  if (is_upper(c)) {
    for (const Found& next : {find_iban(look), find_mixed(look), find_written_birth(look)}) {
      if (next.answer == Found::Answer::kYes) return next;
    }
  }
  return Found::no();
}

bool luhn_holds(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (size_t i = digits.size(); i-- > 0; twice = !twice) {
    const int d = digit(digits[i]) * (twice ? 2 : 1);
    sum += d > 9 ? d - 9 : d;
  }
  return sum % 10 == 0;
}

bool iban_holds(std::string_view compact) {
  if (compact.size() < 15 || compact.size() > 34) return false;
  if (!is_upper(compact[0]) || !is_upper(compact[1]) || !is_digit(compact[2]) || !is_digit(compact[3])) {
    return false;
  }
  int rest = 0;
  const std::string turned = std::string(compact.substr(4)) + std::string(compact.substr(0, 4));
  for (char c : turned) {
    if (!is_digit(c) && !is_upper(c)) return false;
    rest = is_digit(c) ? (rest * 10 + digit(c)) % 97 : (rest * 100 + c - 'A' + 10) % 97;
  }
  return rest == 1;
}

bool nhs_holds(std::string_view digits) {
  int sum = 0;
  for (size_t i = 0; i < 9; ++i) sum += digit(digits[i]) * static_cast<int>(10 - i);
  const int check = (11 - sum % 11) % 11;
  return check != 10 && check == digit(digits[9]);
}

bool steuer_id_holds(std::string_view digits) {
  if (digits[0] == '0') return false;
  int product = 10;
  for (size_t i = 0; i < 10; ++i) {
    int sum = (digit(digits[i]) + product) % 10;
    if (sum == 0) sum = 10;
    product = sum * 2 % 11;
  }
  return (11 - product) % 10 == digit(digits[10]);
}

bool nir_holds(std::string_view digits) {
  if (digits[0] != '1' && digits[0] != '2') return false;
  const int month = digit(digits[3]) * 10 + digit(digits[4]);
  if (month < 1 || (month > 12 && month < 20)) return false;
  int64_t number = 0;
  for (size_t i = 0; i < 13; ++i) number = number * 10 + digit(digits[i]);
  return 97 - number % 97 == digit(digits[13]) * 10 + digit(digits[14]);
}

bool dni_holds(std::string_view compact) {
  constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
  int number = 0;
  for (size_t i = 0; i < 8; ++i) {
    const char c = compact[i];
    if (i == 0 && c >= 'X' && c <= 'Z') {
      number = c - 'X';
    } else if (is_digit(c)) {
      number = number * 10 + digit(c);
    } else {
      return false;
    }
  }
  return compact[8] == kLetters[static_cast<size_t>(number % 23)];
}

bool hetu_holds(std::string_view text) {
  constexpr std::string_view kLetters = "0123456789ABCDEFHJKLMNPRSTUVWXY";
  constexpr std::string_view kCenturies = "+-YXWVUABCDEF";
  int number = 0;
  for (size_t i : {0u, 1u, 2u, 3u, 4u, 5u, 7u, 8u, 9u}) {
    if (!is_digit(text[i])) return false;
    number = number * 10 + digit(text[i]);
  }
  const int day = digit(text[0]) * 10 + digit(text[1]);
  const int month = digit(text[2]) * 10 + digit(text[3]);
  if (day < 1 || day > 31 || month < 1 || month > 12) return false;
  return kCenturies.find(text[6]) != std::string_view::npos &&
         text[10] == kLetters[static_cast<size_t>(number % 31)];
}

bool personnummer_holds(std::string_view digits) {
  const std::string_view ten = digits.substr(digits.size() - 10);
  const int month = digit(ten[2]) * 10 + digit(ten[3]);
  const int day = digit(ten[4]) * 10 + digit(ten[5]);
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && luhn_holds(ten);
}

}  // namespace proviso::inspect
