//! Keys of the bucket and of the table, and the ids in them.

use muster_shared::domain::audit::Actor;
use muster_shared::domain::directory::References;
use muster_shared::domain::id::{ImportId, LinkId, MailId, Seed, TenantId, UserId};
use muster_shared::domain::import::{Import, Source};
use muster_shared::store::keys;

/// A key as an event brings it. What is read from a key leads back to that very key, so there is one key for each thing,
/// and none for another tenant's.
///
/// # Panics
/// When it is not so.
pub fn key(input: &[u8]) {
    let key = String::from_utf8_lossy(input);
    bucket(&key);
    table(&key);
    ids(&key);
}

fn bucket(key: &str) {
    match Source::of_key(key) {
        Some(Source::Upload { tenant, import }) => {
            assert_eq!(Source::upload_key(&tenant, &import), key);
        }
        Some(Source::Drop { tenant, file_name }) => {
            assert!(key.starts_with(&format!("drop/{tenant}/{file_name}")));
            assert!((1..=200).contains(&file_name.chars().count()));
            let id = ImportId::derive(&Seed::of(&["drop", key]));
            let import = Import::begun(
                id.clone(),
                Actor::Import { id: id.clone() },
                Some(file_name),
                key.to_owned(),
                jiff::Timestamp::UNIX_EPOCH,
            );
            assert_eq!(
                import.report_key(&tenant),
                format!("reports/{tenant}/{id}.csv")
            );
        }
        None => {}
    }
}

fn table(key: &str) {
    if let Some((tenant, import, plan, number)) = keys::read_chunk(key) {
        assert_eq!(keys::chunk(&tenant, &import, &plan, number).pk, key);
    }
    if let Some(mail) = keys::read_mail(key) {
        assert_eq!(keys::mail(&mail).pk, key);
    }
    if let Some(asked) = keys::read_reset_asked(key) {
        assert_eq!(keys::reset_asked(&asked).pk, key);
    }
    if let Some(tenant) = keys::read_overview(key, "OVERVIEW") {
        assert_eq!(keys::overview(&tenant).pk, key);
    }
    let (pk, sk) = key.split_once(' ').unwrap_or((key, ""));
    if let Some((tenant, export)) = keys::read_export(pk, sk) {
        let key = keys::export(&tenant, &export);
        assert_eq!((key.pk.as_str(), key.sk.as_str()), (pk, sk));
    }
    if let Some(at) = keys::read_time(key) {
        assert!(key.starts_with(&keys::sortable(at)));
    }
    if let Some((tenant, user)) = keys::read_expiry(key) {
        let (at, stands) = key.split_once('#').unwrap_or_default();
        assert_eq!(stands, format!("{tenant}#{user}"));
        if let Some(time) = keys::read_time(at).filter(|time| keys::sortable(*time) == at) {
            let [_, (_, written)] = keys::expiry(&tenant, &user, time);
            assert_eq!(written, key);
        }
    }
}

fn ids(text: &str) {
    if let Ok(tenant) = TenantId::parse(text) {
        assert_eq!(tenant.as_str(), text);
        let shard = tenant.shard(text);
        assert!(keys::user_partition(&tenant, shard).len() <= 2_048);
    }
    let read = [
        UserId::parse(text).map(|id| id.to_string()),
        MailId::parse(text).map(|id| id.to_string()),
        LinkId::parse(text).map(|id| id.to_string()),
    ];
    for id in read.iter().flatten() {
        assert_eq!(id, text);
    }
    if let Some(seed) = Seed::from_text(text) {
        assert_eq!(seed.to_text(), text.to_ascii_lowercase());
    }
    if let Some(references) = References::parse(text) {
        let kept = references.to_string();
        assert_eq!(References::parse(&kept), Some(references));
    }
}
