//! Every kind of item that the table holds, read back from its key. What is of no kind here is nothing that Muster wrote.

use serde::{Deserialize, Serialize};

use super::keys::{self, Key, read_time};
use crate::domain::id::TenantId;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A tenant.
    Tenant,
    /// How many of its owners can act.
    OwnerCount,
    /// How many roles it defined.
    RoleCount,
    /// The newest count of its users.
    Overview,
    /// What support ordered under a reference.
    SupportReference,
    /// A product.
    Product,
    /// A defined role.
    Role,
    /// The guard of a role's name.
    RoleName,
    /// A group.
    Group,
    /// The guard of a group's name.
    GroupName,
    /// A customer's account.
    Account,
    /// The guard of an account's name.
    AccountName,
    /// An import.
    Import,
    /// An export.
    Export,
    /// A user.
    User,
    /// The guard of an e-mail address.
    EmailGuard,
    /// The guard of an external ID.
    ExternalIdGuard,
    /// An invitation.
    Invitation,
    /// That a user is in an account.
    UserInAccount,
    /// An entry of the audit trail.
    AuditEntry,
    /// A seal over the audit trail.
    Seal,
    /// That a tenant is there.
    Registration,
    /// A person.
    Person,
    /// That a person is a member of a tenant.
    Membership,
    /// The guard of a username.
    Username,
    /// A licence code.
    LicenceCode,
    /// A session.
    Session,
    /// A mail.
    Mail,
    /// What a mailed link leads to.
    Link,
    /// A new password asked for.
    ResetAsked,
    /// A piece of an import's plan.
    Chunk,
    /// What an idempotency key was used for.
    Request,
    /// A rate bucket.
    Bucket,
    /// A published signing key.
    SigningKey,
}

impl Kind {
    /// What stands at a key, and in which tenant, if it is a tenant's own; none if nothing of ours stands there.
    #[must_use]
    pub fn of(key: &Key) -> Option<(Self, Option<TenantId>)> {
        let (door, rest) = key.pk.split_once('#').unwrap_or((&key.pk, ""));
        let tenant = |text: &str| TenantId::parse(text).ok();
        let only = |sk: &str, kind: Self| (key.sk == sk).then_some((kind, None));
        match door {
            "T" => {
                let (id, part) = rest
                    .split_once('#')
                    .map_or((rest, None), |(id, part)| (id, Some(part)));
                let kind = match part {
                    None => Self::of_tenant(&key.sk),
                    Some("S") => read_time(&key.sk).map(|_| Self::Seal),
                    Some(part) if part.starts_with("A#") => {
                        read_time(&key.sk).map(|_| Self::AuditEntry)
                    }
                    Some(part) => part
                        .parse::<u16>()
                        .ok()
                        .and_then(|_| Self::of_shard(&key.sk)),
                };
                Some((kind?, Some(tenant(id)?)))
            }
            "TENANTS" => Some((Self::Registration, Some(tenant(&key.sk)?))),
            "P" => match key.sk.strip_prefix(keys::MEMBER) {
                Some(id) => Some((Self::Membership, Some(tenant(id)?))),
                None => only("PERSON", Self::Person),
            },
            "C" => {
                let (tenant, ..) = keys::read_chunk(&key.pk)?;
                (key.sk == "CHUNK").then_some((Self::Chunk, Some(tenant)))
            }
            "N" => only("NAME", Self::Username),
            "K" => only("CODE", Self::LicenceCode),
            "S" => only("SESSION", Self::Session),
            "M" => only("MAIL", Self::Mail),
            "L" => only("LINK", Self::Link),
            "Q" => only("RESET", Self::ResetAsked),
            "I" => only("REQUEST", Self::Request),
            "R" => only("BUCKET", Self::Bucket),
            keys::SIGNING_KEYS => key
                .sk
                .starts_with("KEY#")
                .then_some((Self::SigningKey, None)),
            _ => None,
        }
    }

    fn of_tenant(sk: &str) -> Option<Self> {
        let begins = |(prefix, kind): &(&str, Self)| sk.starts_with(prefix).then_some(*kind);
        match sk {
            "TENANT" => Some(Self::Tenant),
            "OWNERS" => Some(Self::OwnerCount),
            "ROLES" => Some(Self::RoleCount),
            "OVERVIEW" => Some(Self::Overview),
            _ => [
                ("SUPPORT#", Self::SupportReference),
                (keys::PRODUCT, Self::Product),
                (keys::ROLE, Self::Role),
                ("ROLENAME#", Self::RoleName),
                (keys::GROUP, Self::Group),
                (keys::GROUP_NAME, Self::GroupName),
                (keys::ACCOUNT, Self::Account),
                ("SUB#", Self::AccountName),
                (keys::IMPORT, Self::Import),
                (keys::EXPORT, Self::Export),
            ]
            .iter()
            .find_map(begins),
        }
    }

    fn of_shard(sk: &str) -> Option<Self> {
        let begins = |(prefix, kind): &(&str, Self)| sk.starts_with(prefix).then_some(*kind);
        [
            (keys::USER, Self::User),
            (keys::EMAIL, Self::EmailGuard),
            (keys::EXTERNAL_ID, Self::ExternalIdGuard),
            ("INVITE#", Self::Invitation),
            ("IN#", Self::UserInAccount),
        ]
        .iter()
        .find_map(begins)
    }

    /// Whether it is swept away by itself: it has a `ttl`. Everything else stays until it is deleted.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(
            self,
            Self::Session
                | Self::Mail
                | Self::Link
                | Self::ResetAsked
                | Self::Chunk
                | Self::Import
                | Self::Export
                | Self::Invitation
                | Self::Request
                | Self::Bucket
        )
    }

    /// Whether its key is made of ids and times alone, so that it may be told anywhere.
    #[must_use]
    pub fn has_plain_key(self) -> bool {
        !matches!(
            self,
            Self::SupportReference
                | Self::RoleName
                | Self::GroupName
                | Self::AccountName
                | Self::EmailGuard
                | Self::ExternalIdGuard
                | Self::Person
                | Self::Membership
                | Self::Username
                | Self::LicenceCode
                | Self::Session
                | Self::Request
                | Self::Bucket
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_of_no_kind() {
        let tenant = "tnt_0123456789abcdef";
        let own = format!("T#{tenant}");
        let shard = format!("{own}#0");
        for (pk, sk) in [
            (own.as_str(), "HOLD#1"),
            (own.as_str(), "USER#usr_0123456789abcdef"),
            (shard.as_str(), "TENANT"),
            (shard.as_str(), "OTHER#1"),
            ("T#tnt_x", "TENANT"),
            ("Z#1", "NAME"),
            ("N#ada", "PERSON"),
            ("TENANTS#1", "ada"),
            ("C#1", "CHUNK"),
            ("", ""),
        ] {
            let key = Key {
                pk: pk.to_owned(),
                sk: sk.to_owned(),
            };
            assert_eq!(Kind::of(&key), None, "{pk} {sk}");
        }
    }
}
