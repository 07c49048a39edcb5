//! What a file may name, read once for all its rows.

use jiff::Timestamp;

use super::keys;
use super::{Store, StoreError};
use crate::domain::account::Account;
use crate::domain::audit::Actor;
use crate::domain::directory::{Directory, Kinds};
use crate::domain::group::Group;
use crate::domain::permission::{Permission, RoleBook};
use crate::domain::powers::Powers;
use crate::domain::tenant::Tenant;

impl Store {
    /// Everything of these kinds that whoever has the powers may name in a file.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn directory(
        &self,
        tenant: &Tenant,
        powers: &Powers,
        kinds: Kinds,
    ) -> Result<Directory, StoreError> {
        let book = if kinds.roles {
            self.role_book(&tenant.id).await?
        } else {
            RoleBook::default()
        };
        let products = if kinds.products {
            self.products(&tenant.id).await?
        } else {
            Vec::new()
        };
        let mut directory = Directory::new(book, products);
        let partition = keys::tenant_partition(&tenant.id);
        if kinds.groups {
            let learn = |group: Group| directory.learn_group(&group);
            self.each(&partition, keys::GROUP, learn).await?;
        }
        if kinds.accounts {
            // There may be very many, so only what a row needs of each is kept.
            let learn = |account: Account| {
                if powers.reaches(&account.path) {
                    directory.learn_account(&account);
                }
            };
            self.each(&partition, keys::ACCOUNT, learn).await?;
        }
        Ok(directory)
    }

    /// What whoever began an import may do at present: nothing if that is no longer to import. A file dropped by the
    /// tenant's own job may what a user manager may.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn importing_powers(
        &self,
        tenant: &Tenant,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Powers, StoreError> {
        let Actor::User { id } = actor else {
            return Ok(Powers::of_user_manager());
        };
        let powers = self.present_powers(tenant, id, now).await?;
        let powers = powers.filter(|powers| powers.permit(Permission::ImportsRun));
        Ok(powers.unwrap_or_else(|| Powers::none(id)))
    }
}
