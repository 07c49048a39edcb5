//! Adding a user on behalf of a caller: what `add-user` and inviting a new person have in common.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::forms::NewUser;
use crate::context::Context;
use crate::domain::audit::{Actor, Entry, Target};
use crate::domain::id::{AuditId, Seed, UserId};
use crate::domain::invitation::Offer;
use crate::domain::licence::{Code, Licence};
use crate::domain::permission::{Permission, Rights};
use crate::domain::refusal::Refusal;
use crate::domain::tenant::{Product, Tenant};
use crate::domain::user::User;
use crate::error::{ApiError, Internal};
use crate::store::users::{Added, Addition};

/// Who adds, to what, and how.
#[derive(Debug)]
pub struct Adding<'a> {
    /// What the caller holds: nobody gives more than that.
    pub rights: &'a Rights,
    /// The caller.
    pub actor: &'a UserId,
    /// The caller's tenant.
    pub tenant: &'a Tenant,
    /// What the ids are made from; the same for a retry.
    pub seed: &'a Seed,
    /// Whether an invitation goes out at once.
    pub invite: bool,
    /// The present moment.
    pub now: Timestamp,
}

/// Adds the user, or finds that this very request has added it before.
///
/// # Errors
/// Everything that speaks against it.
pub async fn add(ctx: &Context, adding: &Adding<'_>, new: NewUser) -> Result<User, ApiError> {
    if !adding.rights.may_grant(&new.draft.rights) {
        return Err(vec![Refusal::BeyondYourRights].into());
    }
    if !new.products.is_empty() && !adding.rights.permit(Permission::LicencesAssign) {
        return Err(ApiError::Forbidden);
    }
    let tenant = &adding.tenant.id;
    let mut products = Vec::with_capacity(new.products.len());
    for id in &new.products {
        products.push(
            ctx.store
                .product(tenant, id)
                .await?
                .ok_or_else(|| vec![Refusal::ProductNotFound(id.clone())])?,
        );
    }
    let addition = adding.addition(new, products)?;
    match ctx.store.add_user(tenant, &addition).await? {
        Added::Added => Ok(addition.user),
        Added::Before(user) => Ok(*user),
        Added::Refused(refusals) => Err(refusals.into()),
    }
}

impl Adding<'_> {
    fn addition(&self, new: NewUser, products: Vec<Product>) -> Result<Addition, ApiError> {
        let mut user = User::new(UserId::derive(self.seed), new.draft, self.now);
        let licence = |product: &Product| {
            (
                product.id.clone(),
                Licence::assigned(
                    Code::derive(&self.seed.child(product.id.as_str())),
                    self.now,
                ),
            )
        };
        user.licences = products.iter().map(licence).collect::<BTreeMap<_, _>>();
        let offer = if self.invite {
            Some(
                Offer::to(
                    &user,
                    &self.tenant.id,
                    Some(self.actor),
                    self.seed,
                    self.now,
                )
                .map_err(|refusal| vec![refusal])?,
            )
        } else {
            None
        };
        let user = offer
            .as_ref()
            .map_or(user.clone(), |offer| offer.applied(&user));
        let after = serde_json::to_value(super::views::UserView::new(&user, self.now, false))
            .map_err(Internal::from)?;
        let entry = Entry {
            id: AuditId::derive(self.seed),
            at: self.now,
            actor: Actor::User {
                id: self.actor.clone(),
            },
            operation: "users.add".to_owned(),
            targets: vec![Target::of(&user.id).after(after)],
        };
        Ok(Addition {
            user,
            products,
            offer,
            entry,
        })
    }
}
