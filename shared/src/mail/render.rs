//! Renders letters: a template per letter and language, filled with cleaned values only.
//!
//! A template begins with the subject, and after a line `---` has the letter itself. The letter is written once and
//! rendered twice, as text and as HTML: what differs are the layout and the parts (paragraphs, buttons, steps) that it
//! is put together from.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, context};

use super::clean;
use super::language::Language;
use super::letter::Letter;
use super::page::{Format, Page};

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

impl Letter<'_> {
    /// Renders the letter in the first language among `locales` that there is, or in English if there is none.
    ///
    /// Locales are language tags such as `de-CH`, first the recipient's and then the tenant's; an empty one is passed over.
    ///
    /// # Errors
    /// [`RenderError`] if a template is broken.
    pub fn render(&self, locales: &[&str]) -> Result<Rendered, RenderError> {
        let templates = TEMPLATES.as_ref().map_err(RenderError::Templates)?;
        let language = Language::choose(locales);
        let lang = language.tag();
        let name = self.name();
        let subject = templates
            .get_template(&format!("{lang}/{name}.subject"))?
            .render(self.subject())?;
        let subject = clean::line(&subject, 150);
        let version = |format: Format| {
            let extension = format.extension();
            let values = context! {
                lang,
                subject => &subject,
                layout => format!("layout.{extension}"),
                parts => format!("parts.{extension}"),
                common => format!("{lang}/common.{extension}"),
                ..self.body(Page { language, format })
            };
            templates
                .get_template(&format!("{lang}/{name}.{extension}"))?
                .render(values)
        };
        Ok(Rendered {
            text: wrap(&version(Format::Text)?),
            // A slash needs no escape in HTML, and an escaped one makes addresses look disguised to spam filters.
            html: version(Format::Html)?.replace("&#x2f;", "/"),
            subject,
        })
    }
}

/// Breaks long lines between words, keeps their indentation and squeezes runs of empty lines. A word is never
/// broken, so links stay whole; neither is a space that French keeps before a colon.
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
        let words = words.split(' ').filter(|word| !word.is_empty());
        for (i, word) in words.enumerate() {
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

/// The templates of a language, by the names that letters have.
struct Templates {
    /// What all its letters have in common.
    common: &'static str,
    letters: [(&'static str, &'static str); 6],
}

macro_rules! templates {
    ($lang:literal) => {
        templates!(
            $lang: "invitation", "password_reset", "password_changed", "email_change_notice",
            "email_change_confirm", "email_changed"
        )
    };
    ($lang:literal: $($letter:literal),*) => {
        Templates {
            common: include_str!(concat!("templates/", $lang, "/common.jinja")),
            letters: [$(($letter, include_str!(concat!("templates/", $lang, "/", $letter, ".jinja")))),*],
        }
    };
}

/// The templates that are written in a language.
const fn written_in(language: Language) -> Templates {
    match language {
        Language::English => templates!("en"),
        Language::German => templates!("de"),
        Language::Dutch => templates!("nl"),
        Language::French => templates!("fr"),
        Language::Spanish => templates!("es"),
    }
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
    templates.add_template("parts.html", include_str!("templates/parts.html"))?;
    templates.add_template("parts.txt", include_str!("templates/parts.txt"))?;
    for language in Language::ALL {
        let lang = language.tag();
        let Templates { common, letters } = written_in(language);
        for extension in Format::ALL.map(Format::extension) {
            templates.add_template_owned(format!("{lang}/common.{extension}"), common)?;
        }
        for (name, source) in letters {
            let (subject, letter) = source.split_once("\n---\n").ok_or_else(|| {
                minijinja::Error::new(ErrorKind::SyntaxError, "no subject stands before `---`")
            })?;
            templates.add_template_owned(format!("{lang}/{name}.subject"), subject)?;
            for extension in Format::ALL.map(Format::extension) {
                templates.add_template_owned(format!("{lang}/{name}.{extension}"), letter)?;
            }
        }
    }
    Ok(templates)
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::letter::{
        AppLink, EmailChangeConfirm, EmailChangeNotice, EmailChanged, Invitation, PasswordChanged,
        PasswordReset, Product,
    };
    use super::*;

    const LINK: &str = "https://muster.example.com/activate#eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJhdWQiOiJhY3RpdmF0ZSIsImV4cCI6MTc5NTQ0MjcwMCwibm9uY2UiOiJWMlVvN3pLRCIsInN1YiI6InVzcl8wMTJhYmMifQ.c2lnbmF0dXJlLW9mLXRoZS1saW5rLWluLWVkMjU1MTktd2hpY2gtaXMtNjQtYnl0ZXM";

    /// Sam, who is invited by Anna and holds licences of two apps.
    fn sam() -> Invitation<'static> {
        let store = |label, url| AppLink { label, url };
        Invitation {
            tenant: "Northwind Logistics",
            account: None,
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
        Letter::Invitation(letter).render(&["en"]).unwrap()
    }

    /// Somebody who forgot their password.
    fn reset() -> PasswordReset<'static> {
        PasswordReset {
            tenant: None,
            recipient: Some("Sam"),
            link: "https://muster.example.com/reset#eyJhbGciOiJFZERTQSJ9.c2lnbmF0dXJl",
            sent_at: "2026-11-22T14:05:00Z".parse().unwrap(),
            expires_at: "2026-11-22T15:05:00Z".parse().unwrap(),
            asked_by_admin: None,
        }
    }

    fn changed() -> PasswordChanged<'static> {
        PasswordChanged {
            recipient: Some("Sam"),
            at: "2026-11-22T14:20:00Z".parse().unwrap(),
        }
    }

    fn notice() -> EmailChangeNotice<'static> {
        EmailChangeNotice {
            tenant: "Northwind Logistics",
            recipient: Some("Sam"),
            new_address: "sam@rivera.example",
            requested_by: Some("Anna Meyer"),
            cancel_link: "https://muster.example.com/email#cancel.eyJhbGciOiJFZERTQSJ9.c2lnbmF0dXJl",
            sent_at: "2026-11-22T14:05:00Z".parse().unwrap(),
            expires_at: "2026-11-23T14:05:00Z".parse().unwrap(),
        }
    }

    fn confirm() -> EmailChangeConfirm<'static> {
        EmailChangeConfirm {
            tenant: "Northwind Logistics",
            recipient: Some("Sam"),
            code: "493 027",
            link: "https://muster.example.com/email#eyJhbGciOiJFZERTQSJ9.c2lnbmF0dXJl",
            sent_at: "2026-11-22T14:05:00Z".parse().unwrap(),
            expires_at: "2026-11-23T14:05:00Z".parse().unwrap(),
        }
    }

    fn replaced() -> EmailChanged<'static> {
        EmailChanged {
            tenant: "Northwind Logistics",
            recipient: Some("Sam"),
            new_address: "sam@rivera.example",
            at: "2026-11-23T09:30:00Z".parse().unwrap(),
        }
    }

    /// Every letter in every form that changes its sentences.
    fn letters() -> Vec<(&'static str, Letter<'static>)> {
        let alone = Invitation {
            products: Vec::new(),
            inviter: None,
            recipient: None,
            sign_in_as: None,
            ..sam()
        };
        let mut one_app = sam();
        one_app.products.truncate(1);
        one_app.products[0].code = None;
        let by_admin = PasswordReset {
            asked_by_admin: Some("Anna Meyer"),
            tenant: Some("Northwind Logistics"),
            ..reset()
        };
        vec![
            ("invitation", Letter::Invitation(sam())),
            ("invitation_one_app", Letter::Invitation(one_app)),
            ("invitation_alone", Letter::Invitation(alone.clone())),
            (
                "invitation_account",
                Letter::Invitation(Invitation {
                    account: Some("Fast Wheels"),
                    ..alone.clone()
                }),
            ),
            (
                "invitation_account_inviter",
                Letter::Invitation(Invitation {
                    account: Some("Fast Wheels"),
                    products: Vec::new(),
                    ..sam()
                }),
            ),
            (
                "invitation_first_owner",
                Letter::Invitation(Invitation {
                    first_owner: true,
                    ..alone
                }),
            ),
            ("password_reset", Letter::PasswordReset(reset())),
            (
                "password_reset_tenant",
                Letter::PasswordReset(PasswordReset {
                    asked_by_admin: None,
                    ..by_admin.clone()
                }),
            ),
            (
                "password_reset_person",
                Letter::PasswordReset(PasswordReset {
                    tenant: None,
                    ..by_admin.clone()
                }),
            ),
            ("password_reset_admin", Letter::PasswordReset(by_admin)),
            ("password_changed", Letter::PasswordChanged(changed())),
            ("email_change_notice", Letter::EmailChangeNotice(notice())),
            (
                "email_change_notice_own",
                Letter::EmailChangeNotice(EmailChangeNotice {
                    requested_by: None,
                    ..notice()
                }),
            ),
            (
                "email_change_confirm",
                Letter::EmailChangeConfirm(confirm()),
            ),
            ("email_changed", Letter::EmailChanged(replaced())),
        ]
    }

    /// The elements of HTML with the names of their attributes, in order, and none of what stands between them.
    fn skeleton(html: &str) -> Vec<String> {
        html.split('<')
            .skip(1)
            .map(|tag| {
                let (mut names, mut quoted) = (String::new(), false);
                for c in tag.chars() {
                    match c {
                        '"' => quoted = !quoted,
                        '>' if !quoted => break,
                        _ if !quoted => names.push(c),
                        _ => {}
                    }
                }
                names
            })
            .collect()
    }

    /// What stands between the elements of HTML.
    fn visible(html: &str) -> String {
        html.split('<')
            .filter_map(|tag| tag.split_once('>'))
            .map(|(_, words)| words)
            .collect()
    }

    /// The paragraphs of a text; where their lines break is of no interest.
    fn paragraphs(text: &str) -> usize {
        text.split("\n\n").count()
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
        insta::assert_snapshot!("first_owner.html", mail.html);
    }

    #[test]
    fn the_mail_says_until_when_the_link_is_good_and_how_far_off_that_is() {
        for (expires, words) in [
            (
                "2026-11-22T15:04:59Z",
                "valid until Sunday, 22 November 2026, 15:04 UTC (in 1 hour)",
            ),
            (
                "2026-11-24T14:05:59Z",
                "valid until Tuesday, 24 November 2026, 14:05 UTC (in 48 hours)",
            ),
            (
                "2026-12-22T14:05:00Z",
                "valid until Tuesday, 22 December 2026, 14:05 UTC (in 30 days)",
            ),
        ] {
            let mail = render(Invitation {
                expires_at: expires.parse().unwrap(),
                ..sam()
            });
            let html = mail.html.replace("<strong>", "");
            assert!(html.contains(words), "{html}");
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
    fn lines_of_text_are_short_but_for_links_in_every_language() {
        for language in Language::ALL {
            for (name, letter) in letters() {
                let text = letter.render(&[language.tag()]).unwrap().text;
                for line in text.lines() {
                    assert!(
                        line.chars().count() <= TEXT_WIDTH || line.contains("https://"),
                        "{language:?} {name}: {line}"
                    );
                    assert_eq!(line, line.trim_end_matches(' '), "{language:?} {name}");
                }
            }
        }
    }

    #[test]
    fn each_letter_reads_well_in_english() {
        for (name, letter) in letters() {
            let mail = letter.render(&["en"]).unwrap();
            insta::assert_snapshot!(
                format!("en_{name}.txt"),
                format!("Subject: {}\n\n{}", mail.subject, mail.text)
            );
        }
    }

    #[test]
    fn the_html_of_each_kind_of_letter_is_as_it_was() {
        for letter in [
            Letter::PasswordReset(reset()),
            Letter::PasswordChanged(changed()),
            Letter::EmailChangeNotice(notice()),
            Letter::EmailChangeConfirm(confirm()),
            Letter::EmailChanged(replaced()),
        ] {
            let html = letter.render(&["en"]).unwrap().html;
            insta::assert_snapshot!(format!("en_{}.html", letter.name()), html);
        }
    }

    #[test]
    fn each_letter_reads_well_in_the_other_languages() {
        for language in &Language::ALL[1..] {
            let lang = language.tag();
            let all: Vec<String> = letters()
                .iter()
                .map(|(name, letter)| {
                    let mail = letter.render(&[lang]).unwrap();
                    format!("=== {name}\nSubject: {}\n\n{}", mail.subject, mail.text)
                })
                .collect();
            insta::assert_snapshot!(format!("{lang}_letters.txt"), all.join("\n"));
        }
    }

    #[test]
    fn every_language_has_every_letter_in_the_same_form_and_leaves_no_placeholder() {
        for (name, letter) in letters() {
            let english = letter.render(&["en"]).unwrap();
            for language in Language::ALL {
                let lang = language.tag();
                let mail = letter.render(&[lang]).unwrap();
                assert_eq!(
                    skeleton(&mail.html)
                        .join("\n")
                        .replace(&format!("lang={lang}"), "lang="),
                    skeleton(&english.html).join("\n"),
                    "{lang} {name}"
                );
                assert!(mail.html.contains(&format!("<html lang=\"{lang}\">")));
                assert_eq!(
                    paragraphs(&mail.text),
                    paragraphs(&english.text),
                    "{lang} {name}"
                );
                if language != Language::English {
                    assert_ne!(mail.subject, english.subject, "{lang} {name}");
                }
                assert!(!in_any_part(&mail, |part| part.trim().is_empty()
                    || ["{{", "}}", "{%", "%}", "{#", "&lt;bdi"]
                        .iter()
                        .any(|left| part.contains(left))));
            }
        }
    }

    #[test]
    fn the_html_has_all_the_words_of_the_text() {
        for language in Language::ALL {
            for (name, letter) in letters() {
                let mail = letter.render(&[language.tag()]).unwrap();
                for word in mail.text.split([' ', '\n', '&']) {
                    let of_the_text_alone = word == "--" || ["1.", "2."].contains(&word);
                    assert!(
                        of_the_text_alone
                            || visible(&mail.html).contains(word.trim_end_matches([':', '\u{a0}']))
                            || mail.html.contains(word),
                        "{language:?} {name}: {word}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_french_colon_keeps_its_space_on_the_same_line() {
        for (name, letter) in letters() {
            let mail = letter.render(&["fr"]).unwrap();
            for part in [mail.text, mail.html] {
                let words = part.split_once("<h1").map_or(&*part, |split| split.1);
                assert!(words.contains("\u{a0}:") || name == "password_changed");
                for loose in [" :", " ;", "\n:", "\n;"] {
                    assert!(!words.contains(loose), "{name}: {words}");
                }
            }
        }
    }

    #[test]
    fn the_new_address_is_shown_in_full_and_as_it_is() {
        let address = "o'neill.j+fleet@mail.acme.example";
        let notice = Letter::EmailChangeNotice(EmailChangeNotice {
            new_address: address,
            ..notice()
        });
        let changed = Letter::EmailChanged(EmailChanged {
            new_address: address,
            ..replaced()
        });
        for letter in [notice, changed] {
            let mail = letter.render(&["nl"]).unwrap();
            assert!(mail.text.contains(address));
            assert!(mail.html.contains("o&#x27;neill.j+fleet@mail.acme.example"));
        }
    }

    #[test]
    fn the_recipients_language_comes_before_the_tenants() {
        let letter = Letter::PasswordChanged(changed());
        let subject = |locales: &[&str]| letter.render(locales).unwrap().subject;
        assert_eq!(
            subject(&["de-AT", "fr"]),
            "Ihr Passwort für Muster wurde geändert"
        );
        assert_eq!(
            subject(&["", "fr-CA"]),
            "Votre mot de passe Muster a été modifié"
        );
        assert_eq!(subject(&["ja", "pl"]), "Your Muster password was changed");
    }

    /// All letters with the given text in every place that somebody can fill.
    fn filled_with(text: &str) -> Vec<Letter<'_>> {
        let (some, at) = (Some(text), "2026-11-22T14:05:00Z".parse().unwrap());
        let product = Product {
            name: text,
            links: vec![AppLink {
                label: text,
                url: "https://apps.example",
            }],
            code: some,
        };
        vec![
            Letter::Invitation(Invitation {
                tenant: text,
                account: some,
                recipient: some,
                inviter: some,
                products: vec![product],
                sign_in_as: some,
                ..sam()
            }),
            Letter::PasswordReset(PasswordReset {
                tenant: some,
                recipient: some,
                asked_by_admin: some,
                ..reset()
            }),
            Letter::PasswordChanged(PasswordChanged {
                recipient: some,
                at,
            }),
            Letter::EmailChangeNotice(EmailChangeNotice {
                tenant: text,
                recipient: some,
                new_address: text,
                requested_by: some,
                ..notice()
            }),
            Letter::EmailChangeConfirm(EmailChangeConfirm {
                tenant: text,
                recipient: some,
                code: text,
                ..confirm()
            }),
            Letter::EmailChanged(EmailChanged {
                tenant: text,
                recipient: some,
                new_address: text,
                at,
            }),
        ]
    }

    /// Text made of what could break out of its place, between what is always visible.
    fn hostile() -> impl Strategy<Value = String> {
        const PIECES: [&str; 19] = [
            "\r\n",
            "\n\n",
            "\r\nBcc: all@evil.example\r\n\r\n",
            "\u{2028}",
            "\u{85}",
            "\0",
            "<script>alert(1)</script>",
            "</bdi></title></style><img src=x onerror=alert(1)>",
            "\" onmouseover=\"alert(1)",
            "' x='",
            "<!--",
            "-->",
            "]]>",
            "&lt;b&gt;&#60;",
            "{{ link }}",
            "{% include 'layout.html' %}",
            "{#",
            "\n---\n",
            "\u{202e}",
        ];
        let piece = prop_oneof![
            proptest::sample::select(&PIECES[..]).prop_map(str::to_owned),
            any::<String>(),
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| format!("A{}Z", pieces.concat()))
    }

    proptest! {
        #[test]
        fn nothing_typed_can_break_a_subject_or_inject_markup(text in hostile(), language in 0..5_usize) {
            let lang = Language::ALL[language].tag();
            for (letter, plain) in filled_with(&text).iter().zip(filled_with("A Z")) {
                let (mail, plain) = (letter.render(&[lang]).unwrap(), plain.render(&[lang]).unwrap());
                let broken = mail.subject.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
                prop_assert!(!broken);
                prop_assert!(mail.subject.chars().count() <= 150);
                prop_assert_eq!(skeleton(&mail.html), skeleton(&plain.html));
                prop_assert_eq!(paragraphs(&mail.text), paragraphs(&plain.text));
                prop_assert!(!mail.text.contains('\r') && !mail.html.contains('\r'));
            }
        }
    }
}
