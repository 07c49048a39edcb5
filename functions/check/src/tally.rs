//! Counts a company's users anew and compares what it keeps counts of: seats, owners, roles.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use muster_shared::domain::id::{ProductId, TenantId};
use muster_shared::domain::tenant::Product;
use muster_shared::domain::user::User;
use muster_shared::store::StoreError;
use muster_shared::store::keys::{self, Key};

use crate::judge::Found;
use crate::report::Rule;
use crate::table::Check;

/// How often it is counted anew because users were changed meanwhile.
const TRIES: u32 = 4;

/// What there is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Facts {
    /// Licences held, by product.
    held: BTreeMap<ProductId, u32>,
    /// Owners who can act.
    acting: u32,
    /// Users who have activated: the first one was an owner, because nobody else invites others.
    activated: u32,
    /// Roles defined.
    roles: usize,
    /// A sum over all users and their versions: the same twice means that no user was changed between the two countings.
    users: u64,
}

/// What is counted.
struct Counts {
    products: Vec<Product>,
    owners: Option<u32>,
    roles: Option<u32>,
}

/// What does not hold, and of which item; none if users were changed throughout, so that nothing can be said. Counts that
/// differ are told only where two countings around the reading of them came to the very same, so that they stood there
/// together at one moment.
pub async fn check(
    check: &Check<'_>,
    tenant: &TenantId,
) -> Result<Option<Vec<(Key, Found)>>, StoreError> {
    let mut facts = facts(check, tenant).await?;
    for _ in 0..TRIES {
        let store = &check.ctx.store;
        let counts = Counts {
            products: store.products(tenant).await?,
            owners: store.counted_owners(tenant).await?,
            roles: store.counted_roles(tenant).await?,
        };
        let found = compare(tenant, &facts, &counts);
        if found.is_empty() {
            return Ok(Some(found));
        }
        let again = self::facts(check, tenant).await?;
        if again == facts {
            return Ok(Some(found));
        }
        facts = again;
    }
    Ok(None)
}

async fn facts(check: &Check<'_>, tenant: &TenantId) -> Result<Facts, StoreError> {
    let store = &check.ctx.store;
    let mut facts = Facts {
        roles: store.role_book(tenant).await?.definitions().count(),
        ..Facts::default()
    };
    for shard in 0..tenant.shards() {
        let mut after = None;
        loop {
            check.pace.wait().await;
            let (users, next) = store
                .users_of_shard(tenant, shard, after.as_deref())
                .await?;
            // Who cannot be read is told of elsewhere.
            users.iter().flatten().for_each(|user| facts.add(user));
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(facts)
}

impl Facts {
    fn add(&mut self, user: &User) {
        for product in user.licences.keys() {
            *self.held.entry(product.clone()).or_default() += 1;
        }
        self.acting += u32::from(user.is_acting_owner());
        self.activated += u32::from(user.activated_at.is_some());
        let mut hash = DefaultHasher::new();
        (user.id.as_str(), user.version).hash(&mut hash);
        self.users = self.users.wrapping_add(hash.finish());
    }
}

fn compare(tenant: &TenantId, facts: &Facts, counts: &Counts) -> Vec<(Key, Found)> {
    let mut found = Vec::new();
    let mut held = facts.held.clone();
    for product in &counts.products {
        let held = held.remove(&product.id).unwrap_or_default();
        if product.used != held {
            let detail = format!("{} counted, {held} held", product.used);
            let key = keys::product(tenant, &product.id);
            found.push((key, (Rule::SeatsMiscounted, Some(detail))));
        }
    }
    for (product, held) in held {
        let key = keys::product(tenant, &product);
        let detail = format!("{held} held");
        found.push((key, (Rule::LicenceWithoutProduct, Some(detail))));
    }
    let (acting, owners) = (facts.acting, keys::owners(tenant));
    if counts.owners != Some(acting) {
        let detail = format!("{} counted, {acting} can act", told(counts.owners));
        found.push((owners.clone(), (Rule::OwnersMiscounted, Some(detail))));
    }
    if acting == 0 && facts.activated > 0 {
        found.push((owners, (Rule::NoOwner, None)));
    }
    let roles = u32::try_from(facts.roles).unwrap_or(u32::MAX);
    // The first role brings the count along.
    if counts.roles.unwrap_or_default() != roles {
        let detail = format!("{} counted, {roles} defined", told(counts.roles));
        found.push((
            keys::role_count(tenant),
            (Rule::RolesMiscounted, Some(detail)),
        ));
    }
    found
}

fn told(count: Option<u32>) -> String {
    count.map_or_else(|| "none".to_owned(), |count| count.to_string())
}
