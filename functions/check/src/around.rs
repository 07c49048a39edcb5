//! What an item is judged by: the items that it points to. A rule asks for them as it goes; what is not there yet is
//! noted, read, and the rule asked again.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use muster_shared::domain::person::Membership;
use muster_shared::store::keys::Key;
use muster_shared::store::{Item, content};
use serde::de::DeserializeOwned;

/// Items by key, as far as they were read.
#[derive(Default)]
pub struct Around {
    known: HashMap<Key, Option<Item>>,
    memberships: HashMap<String, Vec<Membership>>,
    asked: RefCell<HashSet<Key>>,
}

impl Around {
    /// Learns what stands at these keys; what was not found there is not there.
    pub fn learn(&mut self, keys: Vec<Key>, mut found: HashMap<Key, Item>) {
        for key in keys {
            let item = found.remove(&key);
            self.known.insert(key, item);
        }
    }

    /// Learns of which tenants a person is a member; more may be added.
    pub fn learn_membership(&mut self, partition: &str, membership: Membership) {
        let memberships = self.memberships.entry(partition.to_owned()).or_default();
        memberships.push(membership);
    }

    /// The item at a key, if there is one, of this form. Where that is not known yet it says none, and notes that it was
    /// asked for.
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        // What cannot be read is told of where that item is judged itself.
        content(self.item(key)?.clone()).ok()
    }

    /// The item at a key, if there is one.
    pub fn item(&self, key: &Key) -> Option<&Item> {
        let known = self.known.get(key);
        if known.is_none() {
            self.asked.borrow_mut().insert(key.clone());
        }
        known?.as_ref()
    }

    /// The memberships in the partition of a person, as far as they were read.
    pub fn memberships(&self, partition: &str) -> &[Membership] {
        self.memberships.get(partition).map_or(&[], Vec::as_slice)
    }

    /// What was asked for and not known since this was last called.
    pub fn asked(&self) -> HashSet<Key> {
        self.asked.take()
    }
}
