//! The mails that were sent: kept in a file, one line each.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A mail as it was sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mail {
    /// What SES calls it.
    pub message_id: String,
    /// When it was sent, by the stack's clock.
    pub sent_at: Timestamp,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The plain version.
    pub text: String,
    /// The HTML version.
    pub html: String,
    /// The tags that delivery events come with.
    pub tags: BTreeMap<String, String>,
    /// The SES configuration set.
    pub configuration_set: Option<String>,
}

/// All mails, oldest first.
#[derive(Debug)]
pub struct Inbox {
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    file: File,
    mails: Vec<Arc<Mail>>,
}

impl Mail {
    /// Whether it went to an address, however that is capitalised.
    #[must_use]
    pub fn is_to(&self, address: &str) -> bool {
        self.to.iter().any(|to| to.eq_ignore_ascii_case(address))
    }

    /// The web addresses in the plain version, in order.
    #[must_use]
    pub fn links(&self) -> Vec<&str> {
        let words = self
            .text
            .split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '(' | ')'));
        words
            .filter(|word| word.starts_with("http://") || word.starts_with("https://"))
            .collect()
    }
}

impl Inbox {
    /// Opens the file, whose last line a crash may have cut off.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let before = match fs::read_to_string(path) {
            Ok(before) => before,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mails = before
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(Arc::new)
            .collect();
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        if !before.is_empty() && !before.ends_with('\n') {
            file.write_all(b"\n")?;
        }
        Ok(Self {
            kept: Mutex::new(Kept { file, mails }),
        })
    }

    /// Keeps a mail.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&self, mail: Mail) -> io::Result<()> {
        let mut line = serde_json::to_vec(&mail)?;
        line.push(b'\n');
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.file.write_all(&line)?;
        kept.mails.push(Arc::new(mail));
        Ok(())
    }

    /// All mails, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Mail>> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .mails
            .clone()
    }

    /// The mails to an address, oldest first.
    #[must_use]
    pub fn to(&self, address: &str) -> Vec<Arc<Mail>> {
        self.all()
            .into_iter()
            .filter(|mail| mail.is_to(address))
            .collect()
    }

    /// The mail of an id.
    #[must_use]
    pub fn find(&self, message_id: &str) -> Option<Arc<Mail>> {
        self.all()
            .into_iter()
            .find(|mail| mail.message_id == message_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(message_id: &str) -> Mail {
        Mail {
            message_id: message_id.to_owned(),
            sent_at: Timestamp::UNIX_EPOCH,
            from: "muster@example.com".to_owned(),
            to: vec!["Ana@Example.com".to_owned()],
            subject: "Hello".to_owned(),
            text: "Open <http://127.0.0.1:7070/activate#token=a.b> now (https://example.com)"
                .to_owned(),
            html: "<p>Hello</p>".to_owned(),
            tags: BTreeMap::new(),
            configuration_set: None,
        }
    }

    #[test]
    fn mails_outlive_a_crash_in_the_middle_of_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.jsonl");
        Inbox::open(&path).unwrap().add(mail("1")).unwrap();
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"message_id\":")
            .unwrap();
        Inbox::open(&path).unwrap().add(mail("2")).unwrap();
        let ids: Vec<_> = Inbox::open(&path)
            .unwrap()
            .all()
            .iter()
            .map(|mail| mail.message_id.clone())
            .collect();
        assert_eq!(ids, ["1", "2"]);
    }

    #[test]
    fn links_are_taken_from_the_plain_version() {
        assert_eq!(
            mail("1").links(),
            [
                "http://127.0.0.1:7070/activate#token=a.b",
                "https://example.com"
            ]
        );
        assert!(mail("1").is_to("ana@example.com"));
    }
}
