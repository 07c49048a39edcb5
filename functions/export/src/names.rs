//! What groups and accounts are called: learned page by page, each once, so that neither a row costs a read nor memory
//! grows with the tenant.

use std::collections::{BTreeSet, HashMap};

use muster_shared::context::Context;
use muster_shared::domain::export::ExtraColumn;
use muster_shared::domain::id::{AccountId, GroupId, TenantId};
use muster_shared::domain::text::Title;
use muster_shared::domain::user::User;
use muster_shared::error::Internal;

/// How many names are remembered of each kind, beside those of the present page.
const REMEMBERED: usize = 20_000;

/// The names of the groups and accounts of the users of a page, and of earlier ones.
#[derive(Default)]
pub struct Names {
    groups: HashMap<GroupId, Title>,
    accounts: HashMap<AccountId, Title>,
}

impl Names {
    /// Learns the names that a page needs for its columns.
    pub async fn learn(
        &mut self,
        ctx: &Context,
        tenant: &TenantId,
        columns: &[ExtraColumn],
        page: &[User],
    ) -> Result<(), Internal> {
        if columns.contains(&ExtraColumn::Groups) {
            forget(&mut self.groups);
            let ids = page.iter().flat_map(|user| &user.groups);
            let found = ctx
                .store
                .groups(tenant, &unknown(&self.groups, ids))
                .await?;
            let found = found.into_iter().flatten();
            (self.groups).extend(found.map(|group| (group.id, group.name)));
        }
        if columns.contains(&ExtraColumn::Account) {
            forget(&mut self.accounts);
            let ids = page.iter().filter_map(|user| user.rights.account());
            let unknown = unknown(&self.accounts, ids);
            let found = ctx.store.accounts(tenant, &unknown).await?;
            let found = found.into_iter().flatten();
            (self.accounts).extend(found.map(|account| (account.id, account.name)));
        }
        Ok(())
    }

    /// The names of a user's groups, in their order; a group that is gone has none.
    pub fn groups(&self, user: &User) -> Vec<String> {
        let names = user.groups.iter().filter_map(|id| self.groups.get(id));
        let mut names: Vec<&Title> = names.collect();
        names.sort_by_cached_key(|name| name.folded());
        names.into_iter().map(Title::to_string).collect()
    }

    /// The name of a user's account.
    pub fn account(&self, user: &User) -> Option<&str> {
        let name = self.accounts.get(user.rights.account()?)?;
        Some(name.as_str())
    }
}

fn forget<I, N>(names: &mut HashMap<I, N>) {
    if names.len() > REMEMBERED {
        names.clear();
    }
}

fn unknown<'a, I: Ord + std::hash::Hash + Clone + 'a, N>(
    names: &HashMap<I, N>,
    ids: impl Iterator<Item = &'a I>,
) -> Vec<I> {
    let unknown: BTreeSet<&I> = ids.filter(|id| !names.contains_key(*id)).collect();
    unknown.into_iter().cloned().collect()
}
