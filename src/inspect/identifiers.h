#pragma once
// Personal data that shows by its form: numbers with check digits, numbers behind a word that names them,
// and contact data. Pure; safe from any thread.
#include <string_view>

#include "inspect/look.h"

namespace proviso::inspect {

// A number that a state, a bank, an employer or a hospital gave to a person; a date of birth.
inline constexpr std::string_view kLabelIdentifier = "personal_identifier";
// An e-mail address, a telephone number, an IP address, a place by its coordinates.
inline constexpr std::string_view kLabelContact = "contact";

// Whether one begins at `look.at`, where no letter or digit stands before.
Found find_identifier(const Look& look);
// False for a capital and small letters that are the whole of a word and no month: nothing begins with them, whatever
// stands behind. `text` begins with the capital, and a word in it is whole.
bool may_open_identifier(std::string_view text);

// Check digits, over the digits alone.
bool luhn_holds(std::string_view digits);          // ISO/IEC 7812-1 annex B
bool iban_holds(std::string_view compact);         // ISO 13616, ISO 7064 MOD 97-10
bool nhs_holds(std::string_view digits);           // ten digits, modulo 11
bool steuer_id_holds(std::string_view digits);     // eleven digits, ISO 7064 MOD 11,10
bool nir_holds(std::string_view digits);           // fifteen digits, 97 less the rest
bool dni_holds(std::string_view compact);          // eight digits (or X, Y, Z and seven) and a letter
bool hetu_holds(std::string_view text);            // DDMMYY, century, three digits, a check character
bool personnummer_holds(std::string_view digits);  // the last ten digits

}  // namespace proviso::inspect
