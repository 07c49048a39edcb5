//! What the values of a letter are prepared for: one of its versions, in a language.

use minijinja::{HtmlEscape, Value};

use super::clean;
use super::language::Language;

/// A version of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Html,
}

impl Format {
    pub(super) const ALL: [Self; 2] = [Self::Text, Self::Html];

    /// The ending of template names. The template engine escapes all values in names with `html`.
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Html => "html",
        }
    }
}

/// A version of a letter in a language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) language: Language,
    pub(super) format: Format,
}

impl Page {
    /// A name that support provided: a company's or a product's.
    pub(super) fn known(self, name: &str) -> Value {
        self.isolate(&clean::line(name, clean::NAME))
    }

    /// A name that somebody typed; nothing if nothing visible is left of it.
    pub(super) fn typed(self, name: Option<&str>) -> Option<Value> {
        name.and_then(clean::name).map(|name| self.isolate(&name))
    }

    /// What somebody signs in with.
    pub(super) fn identifier(self, text: Option<&str>) -> Option<Value> {
        text.and_then(clean::identifier)
            .map(|text| self.isolate(&text))
    }

    /// In HTML, a `bdi` element keeps the direction in which a name is written from turning around the words beside it.
    fn isolate(self, text: &str) -> Value {
        match self.format {
            Format::Text => Value::from(text),
            Format::Html => Value::from_safe_string(format!("<bdi>{}</bdi>", HtmlEscape(text))),
        }
    }
}
