//! The languages of the letters: which one a reader gets, and how each says a time.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// A language that there are templates for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
    Dutch,
    French,
    Spanish,
}

impl Language {
    /// All of them. A further one is its folder of templates and its words below.
    pub(super) const ALL: [Self; 5] = [
        Self::English,
        Self::German,
        Self::Dutch,
        Self::French,
        Self::Spanish,
    ];

    /// The language of the first tag that there is one for, as in `["de-AT", "fr"]`; English if there is none.
    ///
    /// The letters are written for whole languages, so a BCP 47 tag is judged by its first part; `de_AT` is understood too.
    pub(super) fn choose(tags: &[&str]) -> Self {
        tags.iter()
            .find_map(|tag| {
                let primary = tag.split(['-', '_']).next()?.trim();
                Self::ALL
                    .into_iter()
                    .find(|language| language.tag().eq_ignore_ascii_case(primary))
            })
            .unwrap_or(Self::English)
    }

    /// Its BCP 47 tag, also the name of its folder of templates.
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Dutch => "nl",
            Self::French => "fr",
            Self::Spanish => "es",
        }
    }

    /// A time with its zone: `Tuesday, 3 March 2026, 08:00 UTC`.
    ///
    /// It is UTC always, since nothing tells where the reader will be. In every language it stands well behind `until`
    /// and `on` (`bis`, `am`; `tot`, `op`; `jusqu’au`, `le`; `hasta el`, `el`).
    pub(super) fn moment(self, at: Timestamp) -> String {
        let at = at.to_zoned(TimeZone::UTC);
        let words = self.words();
        let weekday = match at.weekday() {
            Weekday::Monday => words.weekdays[0],
            Weekday::Tuesday => words.weekdays[1],
            Weekday::Wednesday => words.weekdays[2],
            Weekday::Thursday => words.weekdays[3],
            Weekday::Friday => words.weekdays[4],
            Weekday::Saturday => words.weekdays[5],
            Weekday::Sunday => words.weekdays[6],
        };
        let (day, year) = (at.day(), at.year());
        let month = usize::try_from(at.month() - 1)
            .ok()
            .and_then(|month| words.months.get(month))
            .copied()
            .unwrap_or_default();
        let time = format!("{:02}:{:02}", at.hour(), at.minute());
        match self {
            Self::English => format!("{weekday}, {day} {month} {year}, {time} UTC"),
            Self::German => format!("{weekday}, {day}. {month} {year}, {time} Uhr UTC"),
            Self::Dutch => format!("{weekday} {day} {month} {year}, {time} uur UTC"),
            Self::French if day == 1 => format!("{weekday} 1er {month} {year} à {time} UTC"),
            Self::French => format!("{weekday} {day} {month} {year} à {time} UTC"),
            Self::Spanish => format!("{weekday} {day} de {month} de {year}, {time} UTC"),
        }
    }

    /// A time with its zone and how far off it is, seen from `now`: `Tuesday, 3 March 2026, 08:00 UTC (in 24 hours)`.
    pub(super) fn moment_ahead(self, now: Timestamp, at: Timestamp) -> String {
        format!("{} ({})", self.moment(at), self.ahead(now, at))
    }

    /// How far off a time is, as people say it: `in 15 minutes`, `in 24 hours`, `in 30 days`.
    ///
    /// Days are told when they are whole ones and more than two, hours when they are whole. All is rounded to minutes, because a
    /// link's expiry is kept in whole seconds; the exact time is told beside it.
    fn ahead(self, now: Timestamp, at: Timestamp) -> String {
        let words = self.words();
        let minutes = ((at.duration_since(now).as_secs() + 30) / 60).max(1);
        let hours = (minutes + 30) / 60;
        let (count, [one, many]) = if minutes < 120 && minutes % 60 != 0 {
            (minutes, words.minutes)
        } else if hours > 48 && hours % 24 == 0 {
            (hours / 24, words.days)
        } else {
            (hours, words.hours)
        };
        let unit = if count == 1 { one } else { many };
        format!("{} {count} {unit}", words.ahead)
    }

    const fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
            Self::Dutch => &DUTCH,
            Self::French => &FRENCH,
            Self::Spanish => &SPANISH,
        }
    }
}

/// The words for times. Units are for one and for more, in the case that `ahead` asks for; all five languages need no other
/// forms.
struct Words {
    weekdays: [&'static str; 7],
    months: [&'static str; 12],
    ahead: &'static str,
    minutes: [&'static str; 2],
    hours: [&'static str; 2],
    days: [&'static str; 2],
}

#[rustfmt::skip] // A row each for weekdays and months.
const ENGLISH: Words = Words {
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    months: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    ahead: "in",
    minutes: ["minute", "minutes"],
    hours: ["hour", "hours"],
    days: ["day", "days"],
};

#[rustfmt::skip]
const GERMAN: Words = Words {
    weekdays: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    months: ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
    ahead: "in",
    minutes: ["Minute", "Minuten"],
    hours: ["Stunde", "Stunden"],
    days: ["Tag", "Tagen"],
};

#[rustfmt::skip]
const DUTCH: Words = Words {
    weekdays: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
    months: ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"],
    ahead: "over",
    minutes: ["minuut", "minuten"],
    hours: ["uur", "uur"],
    days: ["dag", "dagen"],
};

#[rustfmt::skip]
const FRENCH: Words = Words {
    weekdays: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    months: ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
    ahead: "dans",
    minutes: ["minute", "minutes"],
    hours: ["heure", "heures"],
    days: ["jour", "jours"],
};

#[rustfmt::skip]
const SPANISH: Words = Words {
    weekdays: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
    months: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    ahead: "dentro de",
    minutes: ["minuto", "minutos"],
    hours: ["hora", "horas"],
    days: ["día", "días"],
};

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, ToSpan};

    use super::*;

    fn start() -> Timestamp {
        "2026-03-02T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_tag_falls_back_to_its_language() {
        for (tag, language) in [
            ("en", Language::English),
            ("EN-gb", Language::English),
            ("de-AT", Language::German),
            ("de_CH", Language::German),
            ("nl-BE", Language::Dutch),
            ("FR", Language::French),
            ("es-419", Language::Spanish),
            ("fr-Latn-CA", Language::French),
        ] {
            assert_eq!(Language::choose(&[tag]), language, "{tag}");
        }
    }

    #[test]
    fn the_first_tag_that_there_are_letters_for_decides() {
        assert_eq!(Language::choose(&["pl", "nl-NL", "de"]), Language::Dutch);
        assert_eq!(Language::choose(&["", "de"]), Language::German);
        // Low German and Swiss German are languages of their own, and so is Frisian.
        assert_eq!(Language::choose(&["nds", "gsw", "fy"]), Language::English);
        assert_eq!(Language::choose(&[]), Language::English);
    }

    #[test]
    fn a_time_is_told_with_its_zone_in_every_language() {
        let tomorrow = start() + 24.hours();
        let told = Language::ALL.map(|language| language.moment_ahead(start(), tomorrow));
        assert_eq!(
            told,
            [
                "Tuesday, 3 March 2026, 08:00 UTC (in 24 hours)",
                "Dienstag, 3. März 2026, 08:00 Uhr UTC (in 24 Stunden)",
                "dinsdag 3 maart 2026, 08:00 uur UTC (over 24 uur)",
                "mardi 3 mars 2026 à 08:00 UTC (dans 24 heures)",
                "martes 3 de marzo de 2026, 08:00 UTC (dentro de 24 horas)",
            ]
        );
    }

    #[test]
    fn how_far_off_is_told_in_words_that_agree_with_the_number() {
        let cases = [
            (
                1,
                [
                    "in 1 minute",
                    "in 1 Minute",
                    "over 1 minuut",
                    "dans 1 minute",
                    "dentro de 1 minuto",
                ],
            ),
            (
                15,
                [
                    "in 15 minutes",
                    "in 15 Minuten",
                    "over 15 minuten",
                    "dans 15 minutes",
                    "dentro de 15 minutos",
                ],
            ),
            (
                60,
                [
                    "in 1 hour",
                    "in 1 Stunde",
                    "over 1 uur",
                    "dans 1 heure",
                    "dentro de 1 hora",
                ],
            ),
            (
                48 * 60,
                [
                    "in 48 hours",
                    "in 48 Stunden",
                    "over 48 uur",
                    "dans 48 heures",
                    "dentro de 48 horas",
                ],
            ),
            (
                720 * 60,
                [
                    "in 30 days",
                    "in 30 Tagen",
                    "over 30 dagen",
                    "dans 30 jours",
                    "dentro de 30 días",
                ],
            ),
        ];
        for (minutes, told) in cases {
            let at = start() + SignedDuration::from_mins(minutes);
            assert_eq!(
                Language::ALL.map(|language| language.ahead(start(), at)),
                told
            );
        }
    }

    #[test]
    fn seconds_that_were_cut_off_do_not_change_the_words() {
        for (seconds, told) in [
            (14 * 60 + 59, "in 15 minutes"),
            (3_599, "in 1 hour"),
            (5_400, "in 90 minutes"),
            (2 * 3_600 - 1, "in 2 hours"),
            (24 * 3_600 - 1, "in 24 hours"),
            (50 * 3_600, "in 50 hours"),
            (72 * 3_600 - 1, "in 3 days"),
            (720 * 3_600 - 1, "in 30 days"),
            (-5, "in 1 minute"),
        ] {
            let at = start() + SignedDuration::from_secs(seconds);
            assert_eq!(Language::English.ahead(start(), at), told);
        }
    }

    #[test]
    fn the_first_of_a_month_is_an_ordinal_in_french() {
        let at = "2026-08-01T23:59:59Z".parse().unwrap();
        assert_eq!(
            Language::French.moment(at),
            "samedi 1er août 2026 à 23:59 UTC"
        );
    }

    #[test]
    fn every_weekday_and_month_has_its_own_name() {
        for language in Language::ALL {
            let mut told: Vec<String> = (0..12)
                .map(|month| {
                    language.moment((start().to_zoned(TimeZone::UTC) + month.months()).timestamp())
                })
                .collect();
            let months = told.len();
            told.sort();
            told.dedup();
            assert_eq!(told.len(), months);
            let words = language.words();
            for names in [&words.weekdays[..], &words.months[..]] {
                let unique: std::collections::HashSet<_> = names.iter().collect();
                assert_eq!(unique.len(), names.len());
            }
        }
    }
}
