#!/usr/bin/env python3
"""Fills the carrier sentences with names and made-up addresses: `carriers.py > rows.jsonl`.

Rows like those of the labelled sets, with `spans` in code points. The same bytes on every run."""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FILLS = 14
# Streets by language: {x} a name, {n} a house number; then postcode and town in the order of the country.
STREETS = {
    "en": ["{n} {x} Street", "{n} {x} Road", "{n} {x} Avenue", "{n} {x} Lane", "{n} {x} Drive", "{n} {x} Close", "{n} {x} Court",
           "{n} {x} Way", "{n} {x} Hill", "{n} {x} Ridge", "{n} {x} Grove", "{n} N {x} St", "{n} W {x} Blvd", "{n} {x} Gardens",
           "{n} {x} Crescent", "{n} {x} Square", "{n} {x} Terrace", "{n} {x} Parkway", "{n} {x} Mews", "{n} {x} Meadows",
           "{n} {x} Walk", "{n} {x} Green", "{n} {x} Plaza", "{n} {x} Path", "{n} {x} Bypass"],
    "de": ["{x}straße {n}", "{x}str. {n}", "{x}weg {n}", "{x}allee {n}", "Am {x} {n}", "{x}platz {n}", "{x}gasse {n}",
           "{x}-{x}-Straße {n}", "An der {x} {n}", "{x}ring {n}"],
    "fr": ["{n} Rue {x}", "{n} Rue de {x}", "{n} Avenue {x}", "{n} Boulevard {x}", "{n} Place {x}", "{n} Impasse {x}",
           "{n} Chemin de {x}", "{n} Quai {x}", "{n} Allée {x}", "{n} Passage {x}"],
    "es": ["Calle {x} {n}", "Calle {x} {x}, {n}", "Avenida {x}, {n}", "Plaza {x} {n}", "Paseo {x}, {n}", "Camino {x} {x} {n}",
           "Ronda {x}, {n}", "Glorieta {x} s/n.", "Carretera {x} {n}", "Barrio {x} {x} {n}"],
    "it": ["Via {x} {n}", "Viale {x} {n}", "Corso {x} {n}", "Piazza {x} {n}", "Largo {x} {n}", "Vicolo {x} {n}", "Strada {x} {n}"],
    "pt": ["Rua {x} {n}", "{n} Rua {x}", "Avenida {x}, {n}", "{n} Avenida {x}", "Travessa {x} {n}", "{n} Alameda {x}", "Praça {x} {n}",
           "{n} Marginal {x}"],
    "sv": ["{x}gatan {n}", "{x}vägen {n}", "{x}stigen {n}", "{x}s Väg {n}", "Norra {x}gatan {n}", "{x}torget {n}"],
    "fi": ["{x}katu {n}", "{x}tie {n}", "{x}kuja {n}"],
    "tr": ["{x} Caddesi {n}", "{x} Sokak No: {n}", "{x} Bulvarı {n}"],
    "cs": ["{x}ova {n}", "{x}ská {n}", "Na {x} {n}", "U {x} {n}", "náměstí {x} {n}"],
    "pl": ["ul. {x} {n}", "al. {x} {n}", "os. {x} {n}", "pl. {x} {n}", "ulica {x} {n}"],
    "nl": ["{x}straat {n}", "{x}laan {n}", "{x}weg {n}", "{x}plein {n}", "{x}kade {n}", "{x}gracht {n}"],
}
CODES = {"en": ["#####", "#####-####", "A## #AA", "AA# #AA"], "de": ["#####"], "fr": ["#####"], "es": ["#####"], "it": ["#####"],
         "pt": ["####-###", "#####-###"], "sv": ["### ##", "#####"], "fi": ["#####"], "tr": ["#####"], "cs": ["### ##", "#####"],
         "pl": ["##-###"], "nl": ["#### AA"]}
TOWNS = {"en": ["{x}ville", "{x}ton", "Lake {x}", "New {x}", "West {x}", "Port {x}", "{x} Falls", "{x}-on-{x}", "East {x}bury"],
         "de": ["{x}burg", "{x}dorf", "Bad {x}", "Neu {x}", "Ober{y}heim"], "fr": ["Saint-{x}", "{x}-sur-{x}", "{x}ville"],
         "es": ["{x}", "San {x}", "Villa {x} del Mar", "Puerto de {x}"], "it": ["San {x}", "{x} a mare", "Borgo {x}", "{x} ligure", "{x} terme"],
         "pt": ["{x} do Sul", "Vila {x}", "São {x}", "{x} de Santa Maria"], "sv": ["{x}stad", "{x}köping", "{x}ås"], "fi": ["{x}la", "{x}niemi"],
         "tr": ["{x}köy", "{x}"], "cs": ["{x}ice", "{x}ov", "{x}ice nad Labem", "Nové {x}ice"], "pl": ["{x}ów", "{x}ice", "{x}-Zdrój"],
         "nl": ["{x}dam", "{x}veen", "Oud {x}"]}
FIRMS = ["{x} Inc", "{x} Ltd", "{x} and Sons", "{x} Group", "{x} - {y}", "{x}, {x} and {x}", "{x} GmbH", "{x} S.A.", "{x} NV", "{x} Bank",
         "{x} Hotels", "{x} Orchestra", "{x} e {x} SPA", "{x} Gruppen", "University of {x}", "{x} Elementary School"]


class Random:
    """xorshift64*: the same numbers on every machine and version."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state ^= self.state >> 12
        self.state = (self.state ^ self.state << 25) & (1 << 64) - 1
        self.state ^= self.state >> 27
        return (self.state * 0x2545F4914F6CDD1D & (1 << 64) - 1) % (1 << 64) * n >> 64

    def pick(self, items):
        return items[self.below(len(items))]


class Filler:
    def __init__(self, names, figures):
        self.names = names
        self.figures = figures
        self.random = Random(0x9E3779B97F4A7C15)

    # Four in ten names stand in no list: the head of one and the tail of another.
    def word(self, lang, kind):
        name = self.random.pick(self.names[lang][kind])
        if self.random.below(10) < 6 or not name.isalpha() or len(name) < 4:
            return name
        other = self.random.pick(self.names[self.random.pick(sorted(self.names))][kind])
        return name[: (len(name) + 1) // 2] + other[len(other) // 2:].lower()

    def digits(self, form):
        return re.sub("[#A]", lambda m: "0123456789"[self.random.below(10)] if m[0] == "#" else
                      "ABCDEFGHJKLMNPRSTUVWXYZ"[self.random.below(23)], form)

    def town(self, lang):
        name = self.random.pick(TOWNS[lang])
        name = name.replace("{y}", self.word(lang, "s").lower())
        return re.sub(r"\{x\}", lambda _: self.word(lang, "s").split(" ")[-1], name)

    def street(self, lang):
        form = self.random.pick(STREETS[lang])
        number = str(1 + self.random.below(self.random.pick([30, 300, 9000])))
        if self.random.below(8) == 0:
            number += self.random.pick(["a", "b", "c"])
        if lang == "en" and self.random.below(6) == 0:
            return self.digits("###") + " " + self.street("en")
        return re.sub(r"\{x\}", lambda _: self.word(lang, self.random.pick("gs")), form).replace("{n}", number)

    def address(self, lang):
        street = self.street(lang)
        code = self.digits(self.random.pick(CODES[lang]))
        town = self.town(lang)
        if lang == "en":
            return self.random.pick([f"{street}, {town} {code}", f"{street}, {code} {town}", f"{street}, {town}", f"{street}, {town}, {self.digits('AA')} {code}", street])
        return self.random.pick([f"{street}, {code} {town}"] * 4 + [f"{street}, {town}", street])

    def full(self, lang):
        given, last = self.word(lang, "g"), self.word(lang, "s")
        which = self.random.below(10)
        if which == 0:
            return f"{given} {self.word(lang, 'g')} {last}"
        if which == 1:
            return f"{given} {last}-{self.word(lang, 's')}"
        if which == 2:
            return f"{given} {self.random.pick('ABCDEFGHJKLMPRSTW')}. {last}"
        if which == 3 or lang in ("es", "pt") and which < 7:
            return f"{given} {last} {self.word(lang, 's')}"
        return f"{given} {last}"

    def value(self, slot, lang):
        if slot in "azs" and self.random.below(3) == 0:
            lang = self.random.pick(sorted(STREETS))
        if slot in "nflFLN" and self.random.below(3) == 0:
            lang = self.random.pick(sorted(STREETS))
        make = {"n": lambda: self.full(lang), "f": lambda: self.word(lang, "g"), "l": lambda: self.word(lang, "s"),
                "F": lambda: self.word(lang, "g"), "L": lambda: self.word(lang, "s"), "N": lambda: self.full(lang),
                "P": lambda: self.random.pick(self.figures), "k": lambda: str(2 + self.random.below(98)),
                "a": lambda: self.address(lang), "s": lambda: self.street(lang),
                "z": lambda: self.digits(self.random.pick(CODES[lang])), "c": lambda: self.town(lang),
                "o": lambda: re.sub(r"\{x\}|\{y\}", lambda _: self.word(lang, "s"), self.random.pick(FIRMS)),
                "p": lambda: self.digits(self.random.pick(["+## ### #######", "(###) ###-####", "0### ######", "### ### ###", "###-###-#### x###"])),
                "d": lambda: self.digits(self.random.pick(["19##-0#-1#", "1#/0#/19##", "1#.0#.19##"])) if self.random.below(2) else
                f"{self.random.pick(['March', 'May', 'July', 'October'])} {1 + self.random.below(28)}, 19{self.digits('##')}",
                "i": lambda: self.digits(self.random.pick(["##", "####", "########", "AA######", "#########"]))}
        return make[slot]()

    def row(self, lang, carrier):
        text, spans = "", []
        for part in re.split(r"(\{.\})", carrier):
            if not re.fullmatch(r"\{.\}", part):
                text += part
                continue
            value = self.value(part[1], lang)
            kind = {"n": "PERSON", "f": "PERSON", "l": "PERSON", "a": "ADDRESS", "s": "ADDRESS", "z": "ADDRESS"}.get(part[1])
            if kind:
                spans.append([len(text), len(text) + len(value), kind])
            text += value
        return {"label": "pii", "category": "carrier", "lang": lang, "licence": "CC0-1.0", "source": "carriers.txt and harmless.txt with names.txt and figures.txt",
                "text": text, "spans": spans}


def lines(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if not line.startswith("#")]


def main():
    names = {}
    for line in lines("names.txt"):
        lang, kind, values = line.split(" ", 2)
        names.setdefault(lang, {})[kind] = values.split("|")
    figures = [name for line in lines("figures.txt") for name in line.split("|")]
    filler = Filler(names, figures)
    for line in lines("carriers.txt") + lines("harmless.txt"):
        lang, carrier = line.split("|", 1)
        for _ in range(FILLS):
            print(json.dumps(filler.row(lang, carrier.replace("\\n", "\n")), ensure_ascii=False))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main()
