#include "agreement/absence.h"

#include <algorithm>
#include <array>

namespace proviso::agreement {
namespace {

const std::array<Kind, 2>& built_in() {
  static const std::array<Kind, 2> all = {{
      {"person",
       {"person",   "people",    "human",       "individual", "name",      "forename",  "surname",  "nickname", "alias",
        "user",     "username",  "email",       "mail",       "phone",     "telephone", "mobile",   "msisdn",   "imsi",
        "imei",     "ssn",       "passport",    "national_id", "identity", "face",      "biometric", "fingerprint",
        "iris",     "voice",     "dob",         "birth",      "birthday",  "birthdate", "age",      "sex",      "gender",
        "religion", "ethnicity", "nationality", "address",    "street",    "contact",   "patient",  "suspect",  "subject",
        "employee", "member",    "citizen",     "who",        "recipient", "sender",    "owner",    "photo",    "portrait"},
       2, 6, "Ada Lovelace"},
      {"coordinate",
       {"coordinate", "coord",     "lat",     "latitude", "lon",      "lng",   "long",     "longitude", "latlon", "latlng",
        "lonlat",     "altitude",  "alt",     "elevation", "mgrs",    "utm",   "grid",     "geo",       "geohash", "geojson",
        "geometry",   "gps",       "wgs84",   "position", "location", "place", "point",    "waypoint",  "route",  "bearing",
        "azimuth",    "heading",   "easting", "northing", "x",        "y",     "z",        "range",     "aim",    "target"},
       4, 4, "48.20820, 16.37380"},
  }};
  return all;
}

enum class Class { kLower, kUpper, kDigit, kOther };
Class class_of(char c) {
  if (c >= 'a' && c <= 'z') return Class::kLower;
  if (c >= 'A' && c <= 'Z') return Class::kUpper;
  return c >= '0' && c <= '9' ? Class::kDigit : Class::kOther;
}

// "_target_lat_" for `targetLat`, `target-lat` and `TARGET_LAT`.
std::string parts_of(std::string_view property) {
  std::string out = "_";
  for (size_t i = 0; i < property.size(); ++i) {
    const Class now = class_of(property[i]);
    const Class before = i > 0 ? class_of(property[i - 1]) : Class::kOther;
    const bool plural = i + 1 < property.size() && property[i + 1] == 's' &&  // as in `SSNs`
                        (i + 2 == property.size() || class_of(property[i + 2]) != Class::kLower);
    const bool word_ends = now == Class::kUpper && !plural && i + 1 < property.size() && class_of(property[i + 1]) == Class::kLower;
    const bool edge = (now == Class::kUpper && (before == Class::kLower || word_ends)) || (now == Class::kDigit) != (before == Class::kDigit);
    if ((edge || now == Class::kOther) && out.back() != '_') out += '_';
    if (now != Class::kOther) out += now == Class::kUpper ? static_cast<char>(property[i] - 'A' + 'a') : property[i];
  }
  if (out.back() != '_') out += '_';
  return out;
}

std::string without_joints(std::string text) {
  std::erase(text, '_');
  return text;
}

}  // namespace

const Kind* built_in_kind(std::string_view id) {
  const auto found = std::ranges::find(built_in(), id, &Kind::id);
  return found == built_in().end() ? nullptr : &*found;
}

bool names_kind(std::string_view property, const Kind& kind) {
  const std::string parts = parts_of(property);
  const std::string whole = without_joints(parts);
  return std::ranges::any_of(kind.words, [&](const std::string& word) {
    const std::string joined = parts_of(word);  // `wgs84` has two parts
    const std::string stem = joined.substr(0, joined.size() - 1);
    const std::string several = stem + "s_";
    const std::string sibilant = stem + "es_";
    const std::string with_ies = stem.ends_with('y') ? stem.substr(0, stem.size() - 1) + "ies_" : several;
    const std::string glued = without_joints(joined);
    return parts.find(joined) != std::string::npos || parts.find(several) != std::string::npos || parts.find(sibilant) != std::string::npos ||
           parts.find(with_ies) != std::string::npos || whole == glued || whole == glued + "s";
  });
}

bool Absent::covers(std::string_view tool, std::string_view tool_class) const {
  return all || std::ranges::find(tools, tool) != tools.end() || std::ranges::find(classes, tool_class) != classes.end();
}

bool is_plain_name(std::string_view property) {
  return std::ranges::all_of(property, [](char c) { return c >= ' ' && c < 127; });
}

}  // namespace proviso::agreement
