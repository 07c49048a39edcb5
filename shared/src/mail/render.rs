//! Renders letters: a template per letter and language, filled with cleaned values only.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::clean;

/// The longest line of a plain-text mail, in characters (RFC 3676 advises 78 at most); links may be longer.
const TEXT_WIDTH: usize = 72;

/// A mail as it is sent. It holds a working link, so it cannot be printed for debugging.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line, without line breaks or control characters. It never holds a name that a person typed.
    pub subject: String,
    /// The plain-text version.
    pub text: String,
    /// The HTML version: self-contained, it loads nothing from anywhere.
    pub html: String,
}

/// Why a letter could not be rendered: always a fault of a template, never of the values.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The templates themselves do not parse.
    #[error("the mail templates cannot be read")]
    Templates(#[source] &'static minijinja::Error),
    /// A template asks for something that this letter does not have.
    #[error("a mail template cannot be filled")]
    Letter(#[from] minijinja::Error),
}

/// What Muster writes to people.
///
/// Values may hold whatever people typed; rendering makes them harmless. A letter holds a working link, so it cannot be
/// printed for debugging.
#[derive(Clone)]
pub enum Letter<'a> {
    /// Asks somebody to activate.
    Invitation(Invitation<'a>),
}

/// The values of [`Letter::Invitation`].
#[derive(Clone)]
pub struct Invitation<'a> {
    /// The inviting company's name. Alone among the values it also stands in the subject.
    pub tenant: &'a str,
    /// Whom to greet.
    pub recipient: Option<&'a str>,
    /// The person who invites; without one the company does.
    pub inviter: Option<&'a str>,
    /// The activation link.
    pub link: &'a str,
    /// When the link was signed.
    pub sent_at: Timestamp,
    /// From when on the link no longer works.
    pub expires_at: Timestamp,
    /// The apps the recipient holds licences of; with none, the letter is about the account only.
    pub products: Vec<Product<'a>>,
    /// Whether the recipient is the owner with whom the company starts.
    pub first_owner: bool,
    /// The e-mail address or username to sign in with, where it is already known.
    pub sign_in_as: Option<&'a str>,
}

/// An app to get, in step 1 of an invitation.
#[derive(Clone)]
pub struct Product<'a> {
    /// The app's name.
    pub name: &'a str,
    /// Where to get it; with none, the letter says whom to ask.
    pub links: Vec<AppLink<'a>>,
    /// The licence code that the app asks for.
    pub code: Option<&'a str>,
}

/// One place to get an app from.
#[derive(Debug, Clone)]
pub struct AppLink<'a> {
    /// What to call it, for example `Google Play`.
    pub label: &'a str,
    /// Its `http` or `https` address; a link with any other address is left out.
    pub url: &'a str,
}

impl Letter<'_> {
    /// Renders the letter in the language that a tag such as `de-CH` asks for, or in English if there is none for it.
    ///
    /// # Errors
    /// [`RenderError`] if a template is broken.
    pub fn render(&self, locale: &str) -> Result<Rendered, RenderError> {
        let templates = TEMPLATES.as_ref().map_err(RenderError::Templates)?;
        let lang = language(locale);
        let fill = |file: &str, values: Value| {
            let name = format!("{lang}/{}.{file}", self.name());
            templates.get_template(&name)?.render(values)
        };
        let subject = clean::line(&fill("subject.txt", self.subject())?, 150);
        let values = context! { lang, subject => &subject, ..self.body() };
        Ok(Rendered {
            text: wrap(&fill("txt", values.clone())?),
            // A slash needs no escape in HTML, and an escaped one makes addresses look disguised to spam filters.
            html: fill("html", values)?.replace("&#x2f;", "/"),
            subject,
        })
    }

    /// The name of the letter's template files.
    fn name(&self) -> &'static str {
        match self {
            Self::Invitation(_) => "invitation",
        }
    }

    /// All that a subject's template can see, so no translation can put more into a subject.
    fn subject(&self) -> Value {
        match self {
            Self::Invitation(letter) => context! {
                tenant => clean::line(letter.tenant, clean::NAME),
                first_owner => letter.first_owner,
                has_products => !letter.products.is_empty(),
            },
        }
    }

    fn body(&self) -> Value {
        match self {
            Self::Invitation(letter) => letter.body(),
        }
    }
}

impl Invitation<'_> {
    fn body(&self) -> Value {
        context! {
            tenant => clean::line(self.tenant, clean::NAME),
            recipient => self.recipient.and_then(clean::name),
            inviter => self.inviter.and_then(clean::name),
            link => self.link,
            valid => validity(self.sent_at, self.expires_at),
            expires => moment(self.expires_at),
            products => self.products.iter().map(Product::body).collect::<Vec<_>>(),
            first_owner => self.first_owner,
            sign_in_as => self.sign_in_as.and_then(clean::identifier),
        }
    }
}

impl Product<'_> {
    fn body(&self) -> Value {
        let links = self.links.iter().filter_map(|link| {
            let url = clean::url(link.url)?;
            Some(context! { label => clean::line(link.label, clean::NAME), url })
        });
        context! {
            name => clean::line(self.name, clean::NAME),
            links => links.collect::<Vec<_>>(),
            code => self.code.map(|code| clean::line(code, clean::NAME)),
        }
    }
}

/// How long a link is good, as people say it: in days when it is whole days beyond two, else in hours. It is rounded,
/// because a link's expiry is kept in whole seconds; the exact end is told beside it.
fn validity(sent: Timestamp, expires: Timestamp) -> Value {
    let hours = (expires.duration_since(sent).as_secs() + 1_800) / 3_600;
    let days = (hours > 48 && hours % 24 == 0).then_some(hours / 24);
    context! { hours, days }
}

/// A time in UTC, in parts; the templates of each language have the words for it. Weekday and month count from 0.
fn moment(at: Timestamp) -> Value {
    let at = at.to_zoned(TimeZone::UTC);
    context! {
        weekday => at.weekday().to_monday_zero_offset(),
        day => at.day(),
        month => at.month() - 1,
        year => at.year(),
        time => at.strftime("%H:%M").to_string(),
    }
}

/// Breaks long lines between words, keeps their indentation and squeezes runs of empty lines. A word is never
/// broken, so links stay whole.
fn wrap(text: &str) -> String {
    let mut wrapped = String::with_capacity(text.len());
    for line in text.trim().lines() {
        let words = line.trim_start();
        if words.is_empty() && wrapped.ends_with("\n\n") {
            continue;
        }
        let indent = line.len() - words.len();
        let mut width = indent;
        wrapped.push_str(&line[..indent]);
        for (i, word) in words.split_whitespace().enumerate() {
            let length = word.chars().count();
            if i > 0 && width + 1 + length > TEXT_WIDTH {
                wrapped.push('\n');
                wrapped.push_str(&line[..indent]);
                width = indent;
            } else if i > 0 {
                wrapped.push(' ');
                width += 1;
            }
            wrapped.push_str(word);
            width += length;
        }
        wrapped.push('\n');
    }
    wrapped
}

/// A language and its templates, by the names under which they refer to each other.
struct Locale {
    lang: &'static str,
    templates: [(&'static str, &'static str); 4],
}

macro_rules! locale {
    ($lang:literal) => {
        locale!($lang: "invitation.html", "invitation.subject.txt", "invitation.txt", "validity.txt")
    };
    ($lang:literal: $($file:literal),*) => {
        Locale {
            lang: $lang,
            templates: [$((concat!($lang, "/", $file), include_str!(concat!("templates/", $lang, "/", $file)))),*],
        }
    };
}

/// English, which stands in for every language that is missing.
const ENGLISH: Locale = locale!("en");

/// The languages there are. A further one is its folder of templates and one entry here.
const LOCALES: [Locale; 1] = [ENGLISH];

/// Picks the language for a tag such as `de-CH` or `de_CH`: by its first part.
fn language(tag: &str) -> &'static str {
    let primary = tag.split(['-', '_']).next().unwrap_or(tag);
    LOCALES
        .iter()
        .find(|locale| locale.lang.eq_ignore_ascii_case(primary))
        .map_or(ENGLISH.lang, |locale| locale.lang)
}

static TEMPLATES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    templates.add_template("layout.html", include_str!("templates/layout.html"))?;
    templates.add_template("layout.txt", include_str!("templates/layout.txt"))?;
    for (name, source) in LOCALES.iter().flat_map(|locale| locale.templates) {
        templates.add_template(name, source)?;
    }
    Ok(templates)
});

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://muster.example.com/activate#eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJhdWQiOiJhY3RpdmF0ZSIsImV4cCI6MTc5NTQ0MjcwMCwibm9uY2UiOiJWMlVvN3pLRCIsInN1YiI6InVzcl8wMTJhYmMifQ.c2lnbmF0dXJlLW9mLXRoZS1saW5rLWluLWVkMjU1MTktd2hpY2gtaXMtNjQtYnl0ZXM";

    /// Sam, who is invited by Anna and holds licences of two apps.
    fn sam() -> Invitation<'static> {
        let store = |label, url| AppLink { label, url };
        Invitation {
            tenant: "Northwind Logistics",
            recipient: Some("Sam Rivera"),
            inviter: Some("Anna Meyer"),
            link: LINK,
            sent_at: "2026-11-22T14:05:00Z".parse().unwrap(),
            expires_at: "2026-11-23T14:05:00Z".parse().unwrap(),
            products: vec![
                Product {
                    name: "CoPilot Truck with ActiveTraffic",
                    links: vec![
                        store(
                            "Google Play",
                            "https://play.google.com/store/apps/details?id=com.alk.copilot&hl=en",
                        ),
                        store("App Store", "https://apps.apple.com/app/id504677517"),
                    ],
                    code: Some("K7QM-2XRT-9FHD"),
                },
                Product {
                    name: "MileOn",
                    links: Vec::new(),
                    code: Some("P3WN-8CVB-4JLS"),
                },
            ],
            first_owner: false,
            sign_in_as: Some("sam.rivera@northwind.example"),
        }
    }

    fn render(letter: Invitation<'_>) -> Rendered {
        Letter::Invitation(letter).render("en").unwrap()
    }

    fn in_any_part(mail: &Rendered, found: impl Fn(&str) -> bool) -> bool {
        [&mail.subject, &mail.text, &mail.html]
            .into_iter()
            .any(|part| found(part))
    }

    #[test]
    fn an_invitation_with_apps_has_two_steps() {
        let mail = render(sam());
        insta::assert_snapshot!(mail.subject, @"Northwind Logistics invites you: get your app and activate it");
        insta::assert_snapshot!("two_steps.txt", mail.text);
        insta::assert_snapshot!("two_steps.html", mail.html);
    }

    #[test]
    fn an_invitation_without_apps_is_about_the_account() {
        let mail = render(Invitation {
            products: Vec::new(),
            inviter: None,
            recipient: None,
            sign_in_as: None,
            ..sam()
        });
        insta::assert_snapshot!(mail.subject, @"Northwind Logistics invites you: set up your account");
        insta::assert_snapshot!("account_only.txt", mail.text);
        insta::assert_snapshot!("account_only.html", mail.html);
    }

    #[test]
    fn the_first_owner_is_welcomed() {
        let mail = render(Invitation {
            products: Vec::new(),
            inviter: None,
            first_owner: true,
            ..sam()
        });
        insta::assert_snapshot!(mail.subject, @"Welcome to Muster: set up Northwind Logistics");
        insta::assert_snapshot!("first_owner.txt", mail.text);
        insta::assert_snapshot!("first_owner.html", mail.html);
    }

    #[test]
    fn the_mail_says_how_long_the_link_is_good_in_words() {
        for (expires, words) in [
            (
                "2026-11-22T15:04:59Z",
                "valid for 1 hour, until Sun 22 Nov 2026, 15:04 UTC",
            ),
            (
                "2026-11-24T14:05:59Z",
                "valid for 48 hours, until Tue 24 Nov 2026, 14:05 UTC",
            ),
            (
                "2026-12-22T14:05:00Z",
                "valid for 30 days, until Tue 22 Dec 2026, 14:05 UTC",
            ),
        ] {
            let mail = render(Invitation {
                expires_at: expires.parse().unwrap(),
                ..sam()
            });
            assert!(mail.html.contains(words), "{}", mail.html);
            assert!(
                mail.text.replace('\n', " ").contains(words),
                "{}",
                mail.text
            );
        }
    }

    #[test]
    fn a_line_break_in_a_company_name_cannot_start_a_header() {
        let mail = render(Invitation {
            tenant: "Acme\r\nBcc: all@evil.example\r\n\r\n<b>Hi</b>",
            ..sam()
        });
        assert_eq!(mail.subject.lines().count(), 1);
        assert!(!mail.subject.contains(char::is_control));
        assert!(!mail.text.contains("\nBcc"));
    }

    #[test]
    fn a_subject_is_short_and_holds_no_name_of_a_person() {
        let mail = render(Invitation {
            tenant: &"x".repeat(10_000),
            ..sam()
        });
        assert!(mail.subject.chars().count() < 120);
        assert!(!mail.subject.contains("Sam") && !mail.subject.contains("Anna"));
    }

    #[test]
    fn markup_in_any_value_is_shown_and_not_obeyed() {
        const SCRIPT: &str = "<script>alert('1')</script>\"{{ link }}";
        let mut letter = sam();
        letter.products[0].name = SCRIPT;
        letter.products[0].links[0].label = SCRIPT;
        letter.products[0].code = Some(SCRIPT);
        let letter = Invitation {
            tenant: SCRIPT,
            recipient: Some(SCRIPT),
            inviter: Some(SCRIPT),
            link: "https://x/#\"><script>",
            sign_in_as: Some(SCRIPT),
            ..letter
        };
        let mail = render(letter);
        assert!(!mail.html.contains("<script"));
        assert!(mail.html.contains("&lt;script&gt;alert"));
        assert!(mail.html.contains("{{ link }}"));
    }

    #[test]
    fn an_app_link_that_is_not_of_the_web_is_left_out() {
        let mut letter = sam();
        letter.products[0].links[0].url = "javascript:alert(1)";
        assert!(!in_any_part(&render(letter), |part| part.contains("javascript")));
    }

    #[test]
    fn a_name_that_is_an_address_does_not_become_a_link() {
        let mail = render(Invitation {
            recipient: Some("http://evil.example/win"),
            inviter: Some("www.evil.example"),
            ..sam()
        });
        assert!(!in_any_part(&mail, |part| part.contains("evil.example")
            || part.contains("http://")));
        assert!(mail.text.starts_with("Hello http: //evil. example/win,\n"));
    }

    #[test]
    fn a_right_to_left_override_in_a_name_is_removed() {
        let mail = render(Invitation {
            inviter: Some("\u{202e}reyeM annA"),
            tenant: "Acme\u{202e}",
            ..sam()
        });
        assert!(!in_any_part(&mail, |part| part.contains('\u{202e}')));
    }

    #[test]
    fn a_name_of_ten_thousand_characters_is_cut() {
        let plain = render(sam());
        let mail = render(Invitation {
            recipient: Some(&"long ".repeat(2_000)),
            ..sam()
        });
        assert!(mail.text.len() < plain.text.len() + 100);
        assert!(mail.html.len() < plain.html.len() + 100);
    }

    #[test]
    fn emoji_and_every_script_arrive_as_typed() {
        for name in ["Zoë 👩‍🚒", "李小龙", "علی‌رضا"] {
            let mail = render(Invitation {
                recipient: Some(name),
                ..sam()
            });
            assert!(mail.text.contains(name) && mail.html.contains(name));
        }
    }

    #[test]
    fn the_html_loads_nothing_from_anywhere() {
        let html = render(sam()).html;
        for loader in [
            "<img", "<link", "<script", "<iframe", "url(", "@import", "src=",
        ] {
            assert!(!html.contains(loader), "{loader}");
        }
    }

    #[test]
    fn the_link_stands_whole_in_both_versions() {
        let mail = render(sam());
        assert!(mail.text.lines().any(|line| line.trim() == LINK));
        assert_eq!(mail.html.matches(LINK).count(), 3);
    }

    #[test]
    fn lines_of_text_are_short_but_for_links() {
        let mail = render(sam());
        assert!(
            mail.text
                .lines()
                .all(|line| line.chars().count() <= TEXT_WIDTH || line.contains("https://"))
        );
    }

    #[test]
    fn a_language_is_found_by_its_first_part_and_english_stands_in() {
        for tag in ["en", "EN-gb", "en_US", "tlh", ""] {
            assert_eq!(language(tag), "en");
        }
    }
}
