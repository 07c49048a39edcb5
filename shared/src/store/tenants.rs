//! Tenants, their products and seats.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::expression::{Change, Condition};
use super::keys;
use super::transaction::Transaction;
use super::{Item, Store, StoreError, content, item, n};
use crate::domain::audit::Entry;
use crate::domain::id::{ProductId, TenantId, UserId};
use crate::domain::licence::Code;
use crate::domain::tenant::{Product, Tenant};

/// Whose licence a code is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CodeHolder {
    /// The tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
    /// The product.
    pub product: ProductId,
}

/// Where a tenant keeps how many of its owners can act.
const ACTING: &str = "acting";

impl Store {
    /// A tenant.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn tenant(&self, tenant: &TenantId) -> Result<Option<Tenant>, StoreError> {
        self.get(&keys::tenant(tenant)).await
    }

    /// Makes `after` of the tenant read as `before`, and counts its version up; false if it changed meanwhile.
    ///
    /// # Errors
    /// When the table cannot be used.
    pub async fn change_tenant(
        &self,
        before: &Tenant,
        after: &Tenant,
        entry: &Entry,
    ) -> Result<bool, StoreError> {
        let mut transaction = Transaction::new(self);
        transaction.edit_tenant(before, after, ())?;
        transaction.audit(&before.id, entry)?;
        Ok(transaction.commit().await?.is_ok())
    }

    /// How many owners of the tenant can act, as counted.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn counted_owners(&self, tenant: &TenantId) -> Result<Option<u32>, StoreError> {
        #[derive(Deserialize)]
        struct Owners {
            acting: u32,
        }
        let owners: Option<Owners> = self.get(&keys::owners(tenant)).await?;
        Ok(owners.map(|owners| owners.acting))
    }

    /// A product.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn product(
        &self,
        tenant: &TenantId,
        product: &ProductId,
    ) -> Result<Option<Product>, StoreError> {
        self.get(&keys::product(tenant, product)).await
    }

    /// All products of a tenant, by name.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn products(&self, tenant: &TenantId) -> Result<Vec<Product>, StoreError> {
        let mut products: Vec<Product> = self
            .all(&keys::tenant_partition(tenant), keys::PRODUCT)
            .await?;
        products.sort_by_cached_key(|product| product.name.folded());
        Ok(products)
    }

    /// Whose licence a code is.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn code_holder(&self, code: &Code) -> Result<Option<CodeHolder>, StoreError> {
        self.get(&keys::code(code.as_str())).await
    }
}

impl<T: Clone> Transaction<'_, T> {
    /// Adds a tenant with its products, and notes for the schedule that it is there.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn add_tenant(
        &mut self,
        tenant: &Tenant,
        products: &[Product],
        now: Timestamp,
        taken: &T,
    ) -> Result<(), StoreError> {
        self.register(&tenant.id, now, taken.clone())?;
        self.create(item(&keys::tenant(&tenant.id), tenant)?, taken.clone());
        let mut owners = keys::owners(&tenant.id).item();
        owners.insert(ACTING.to_owned(), n(0));
        self.create(owners, taken.clone());
        for product in products {
            self.add_product(&tenant.id, product, taken.clone())?;
        }
        Ok(())
    }

    /// Adds a product.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn add_product(
        &mut self,
        tenant: &TenantId,
        product: &Product,
        taken: T,
    ) -> Result<(), StoreError> {
        self.create(item(&keys::product(tenant, &product.id), product)?, taken);
        Ok(())
    }

    /// Sets how many seats of the product read were bought; never fewer than are in use.
    pub fn set_seats(&mut self, tenant: &TenantId, product: &Product, seats: u32, changed: T) {
        let unchanged = Condition::exists()
            .equals("seats", n(product.seats))
            .at_most("used", n(seats));
        let change = Change::new().set("seats", n(seats));
        self.update(
            &keys::product(tenant, &product.id),
            change,
            unchanged,
            changed,
        );
    }

    /// Makes `after` of the tenant read as `before`, and counts its version up.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn edit_tenant(
        &mut self,
        before: &Tenant,
        after: &Tenant,
        changed: T,
    ) -> Result<(), StoreError> {
        let key = keys::tenant(&before.id);
        let after = Tenant {
            version: before.version + 1,
            ..after.clone()
        };
        let change = Change::between(&item(&key, before)?, &item(&key, &after)?);
        // One that was set up before versions were counted has none; versions only grow.
        let unchanged = Condition::exists().lacks_or_at_most("version", n(before.version));
        self.update(&key, change, unchanged, changed);
        Ok(())
    }

    /// Counts the owners who can act, as one of them comes (`1`) or goes (`-1`); `last` when nobody would be left.
    pub(super) fn count_owners(&mut self, tenant: &TenantId, by: i64, last: T) {
        let left = if by < 0 {
            Condition::exists().greater(ACTING, n(1))
        } else {
            Condition::exists()
        };
        self.update(
            &keys::owners(tenant),
            Change::new().add(ACTING, by),
            left,
            last,
        );
    }

    /// Takes `count` seats of the product as read in `product`; fails with it as it now stands if others took seats
    /// that are needed, or support changed their number.
    pub fn take_seats(&mut self, tenant: &TenantId, product: &Product, count: u32, short: T) {
        let enough = Condition::exists()
            .equals("seats", n(product.seats))
            .at_most("used", n(i64::from(product.seats) - i64::from(count)));
        self.update(
            &keys::product(tenant, &product.id),
            Change::new().add("used", i64::from(count)),
            enough,
            short,
        );
        self.tally.seats_assigned += u64::from(count);
    }

    /// Gives `count` seats back.
    pub fn free_seats(&mut self, tenant: &TenantId, product: &ProductId, count: u32, gone: T) {
        let there = Condition::exists().greater("used", n(i64::from(count) - 1));
        self.update(
            &keys::product(tenant, product),
            Change::new().add("used", -i64::from(count)),
            there,
            gone,
        );
        self.tally.seats_freed += u64::from(count);
    }

    /// Makes a licence code known.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn add_code(
        &mut self,
        code: &Code,
        holder: &CodeHolder,
        taken: T,
    ) -> Result<(), StoreError> {
        self.create(item(&keys::code(code.as_str()), holder)?, taken);
        Ok(())
    }

    /// Forgets a licence code.
    pub fn remove_code(&mut self, code: &Code) {
        self.delete(&keys::code(code.as_str()));
    }
}

/// Reads a product from an item that stood in the way.
///
/// # Errors
/// When it is no product.
pub fn read_product(found: Item) -> Result<Product, StoreError> {
    content(found)
}
