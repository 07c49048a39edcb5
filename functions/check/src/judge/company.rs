//! What a company has beside its users: products, and roles, groups and accounts with the guards of their names.

use muster_shared::domain::account::Account;
use muster_shared::domain::group::Group;
use muster_shared::domain::id::{AccountId, GroupId, RoleId, TenantId};
use muster_shared::domain::permission::RoleDefinition;
use muster_shared::domain::tenant::Product;
use muster_shared::store::accounts::{Named, name_of};
use muster_shared::store::keys::{self, Key};
use muster_shared::store::named::HOLDER;

use super::Judge;
use crate::report::Rule;

impl Judge<'_> {
    pub(super) fn product(&mut self, tenant: &TenantId) {
        if let Some(product) = self.read::<Product>() {
            self.stands_at(&keys::product(tenant, &product.id));
            let detail = format!("{} used, {} bought", product.used, product.seats);
            let enough = product.used <= product.seats;
            self.expect_of(enough, Rule::SeatsExceeded, &detail);
        }
    }

    pub(super) fn role(&mut self, tenant: &TenantId) {
        if let Some(role) = self.read::<RoleDefinition>() {
            self.stands_at(&keys::role(tenant, &role.id));
            let name = keys::role_name(tenant, &role.name.folded());
            self.is_named(&name, role.id.as_str());
        }
    }

    pub(super) fn group(&mut self, tenant: &TenantId) {
        if let Some(group) = self.read::<Group>() {
            self.stands_at(&keys::group(tenant, &group.id));
            let name = keys::group_name(tenant, &group.name.folded());
            self.is_named(&name, group.id.as_str());
        }
    }

    fn is_named(&mut self, name: &Key, id: &str) {
        let guard = self.around.item(name);
        let holder = guard.and_then(|guard| guard.get(HOLDER)?.as_s().ok());
        let named = holder.is_some_and(|holder| holder == id);
        self.expect(named, Rule::NameGuardMissing);
    }

    pub(super) fn role_name(&mut self, tenant: &TenantId) {
        let id = self.holder(|id| RoleId::parse(id).ok());
        let role = id.and_then(|id| self.around.get::<RoleDefinition>(&keys::role(tenant, &id)));
        self.names(role.map(|role| keys::role_name(tenant, &role.name.folded())));
    }

    pub(super) fn group_name(&mut self, tenant: &TenantId) {
        let id = self.holder(|id| GroupId::parse(id).ok());
        let group = id.and_then(|id| self.around.get::<Group>(&keys::group(tenant, &id)));
        self.names(group.map(|group| keys::group_name(tenant, &group.name.folded())));
    }

    fn holder<T>(&self, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        parse(self.item.get(HOLDER)?.as_s().ok()?)
    }

    /// The guard is that of this name, which its holder has.
    fn names(&mut self, name: Option<Key>) {
        let right = name.is_some_and(|name| name == *self.key);
        self.expect(right, Rule::NameGuardOrphaned);
    }

    pub(super) fn account(&mut self, tenant: &TenantId) {
        let Some(account) = self.read::<Account>() else {
            return;
        };
        self.stands_at(&keys::account(tenant, &account.id));
        let guard: Option<Named> = self.around.get(&name_of(tenant, &account));
        let named = guard.is_some_and(|guard| guard.account == account.id);
        self.expect(named, Rule::NameGuardMissing);
        let above: Vec<AccountId> = match account.parent() {
            Some(parent) => {
                let parent: Option<Account> = self.around.get(&keys::account(tenant, parent));
                parent.map(|parent| parent.path).unwrap_or_default()
            }
            None => Vec::new(),
        };
        let path = above.into_iter().chain([account.id.clone()]);
        let right = path.eq(account.path.iter().cloned());
        self.expect(right, Rule::AccountPathBroken);
    }

    pub(super) fn account_name(&mut self, tenant: &TenantId) {
        let Some(named) = self.read::<Named>() else {
            return;
        };
        let account: Option<Account> = self.around.get(&keys::account(tenant, &named.account));
        self.names(account.map(|account| name_of(tenant, &account)));
    }
}
