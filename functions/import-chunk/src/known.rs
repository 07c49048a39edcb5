//! What the rows of a chunk refer to, as far as there still is such a thing when the plan is carried out.

use std::collections::HashSet;

use muster_shared::context::Context;
use muster_shared::domain::directory::References;
use muster_shared::domain::id::{AccountId, GroupId, TenantId};
use muster_shared::domain::permission::RoleBook;
use muster_shared::error::Internal;
use muster_shared::files::{RowFault, UserRow};

/// Groups, accounts and roles that there are.
#[derive(Default)]
pub struct Known {
    /// The roles that the tenant defined; read where rows give rights.
    pub book: RoleBook,
    groups: HashSet<GroupId>,
    accounts: HashSet<AccountId>,
}

impl Known {
    /// Reads what these rows refer to; nothing where they refer to nothing.
    pub async fn of<'a, I: Iterator<Item = &'a UserRow>>(
        ctx: &Context,
        tenant: &TenantId,
        said: impl Fn() -> I,
    ) -> Result<Self, Internal> {
        let groups = said().flat_map(|said| said.references.groups.clone());
        let groups: Vec<GroupId> = groups.collect::<HashSet<_>>().into_iter().collect();
        let accounts = said().filter_map(|said| said.references.account().cloned());
        let accounts: Vec<AccountId> = accounts.collect::<HashSet<_>>().into_iter().collect();
        let book = if said().any(UserRow::gives_rights) {
            ctx.store.role_book(tenant).await?
        } else {
            RoleBook::default()
        };
        let groups = ctx.store.groups(tenant, &groups).await?;
        let accounts = ctx.store.accounts(tenant, &accounts).await?;
        let accounts = accounts.into_iter().flatten().map(|account| account.id);
        Ok(Self {
            book,
            groups: groups.into_iter().flatten().map(|group| group.id).collect(),
            accounts: accounts.collect(),
        })
    }

    /// Refuses a row that refers to what is gone. Products are found to be gone where their seats are taken.
    pub fn check(&self, references: &References) -> Result<(), RowFault> {
        let gone = |code, what: &str| {
            let message = format!("{what} that the row names is no more.");
            Err(RowFault { code, message })
        };
        if !references.roles.iter().all(|role| self.book.knows(role)) {
            return gone("unknown_role", "A role");
        }
        if !references
            .groups
            .iter()
            .all(|group| self.groups.contains(group))
        {
            return gone("unknown_group", "A fleet or tag");
        }
        match references.account() {
            Some(account) if !self.accounts.contains(account) => {
                gone("unknown_account", "The account")
            }
            _ => Ok(()),
        }
    }
}
