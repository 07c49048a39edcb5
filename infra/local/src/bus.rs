//! The event bus: S3 and SES events reach queues by the template's rules, and none is lost between.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use serde_json::Value;

use crate::data_dir::write_whole;
use crate::queue::Queues;
use crate::template::Rule;

/// The event bus. An event is a file until every queue is through with it, so that a crash loses none.
#[derive(Debug)]
pub struct Bus {
    folder: PathBuf,
    rules: Vec<Rule>,
    queues: Arc<Queues>,
}

impl Bus {
    /// A bus that keeps its open events in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn open(folder: PathBuf, rules: Vec<Rule>, queues: Arc<Queues>) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            rules,
            queues,
        })
    }

    /// Sends what an earlier process left open.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn resume(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match serde_json::from_slice(&fs::read(&path)?) {
                Ok(event) => self.dispatch(&event, path),
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "an open event cannot be read");
                }
            }
        }
        Ok(())
    }

    /// Takes an event in; once this returns it will be delivered. Says how many queues it goes to.
    ///
    /// # Errors
    /// When the event cannot be kept.
    pub fn put(&self, event: &Value) -> io::Result<usize> {
        let targets = self.targets(event).count();
        if targets > 0 {
            let path = self.folder.join(format!("{}.json", uuid::Uuid::new_v4()));
            write_whole(&path, event.to_string().as_bytes())?;
            self.dispatch(event, path);
        }
        Ok(targets)
    }

    fn targets<'a>(&'a self, event: &'a Value) -> impl Iterator<Item = &'a str> {
        let rules = self.rules.iter().filter(|rule| rule.pattern.matches(event));
        rules.flat_map(|rule| &rule.queues).map(String::as_str)
    }

    fn dispatch(&self, event: &Value, path: PathBuf) {
        self.queues
            .send(self.targets(event), &event.to_string(), move || {
                forget(&path);
            });
    }
}

fn forget(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "a finished event stays open");
    }
}
