//! Adding a user on behalf of a caller: what `add-user` and inviting a new person have in common.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::forms::NewUser;
use super::references;
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::audit::{Actor, Entry, Target};
use crate::domain::id::{AuditId, Seed, UserId};
use crate::domain::invitation::{Offer, TO_AN_ADDRESS};
use crate::domain::licence::{Code, Licence};
use crate::domain::permission::Permission;
use crate::domain::powers::Powers;
use crate::domain::refusal::Refusal;
use crate::domain::tenant::{Product, Tenant};
use crate::domain::user::User;
use crate::error::ApiError;
use crate::store::users::{Added, Addition};

/// Who adds, to what, and how.
#[derive(Debug)]
pub struct Adding<'a> {
    /// What the caller may do: nobody gives more than that.
    pub powers: &'a Powers,
    /// The caller.
    pub actor: &'a UserId,
    /// The caller's tenant.
    pub tenant: &'a Tenant,
    /// What the ids are made from; the same for a retry.
    pub seed: &'a Seed,
    /// Whether an invitation goes out at once.
    pub invite: bool,
    /// The account that is made for the user at the same time.
    pub opens: Option<&'a Account>,
    /// The present moment.
    pub now: Timestamp,
}

/// Adds the user, or finds that this very request has added it before.
///
/// # Errors
/// Everything that speaks against it.
pub async fn add(ctx: &Context, adding: &Adding<'_>, new: NewUser) -> Result<User, ApiError> {
    let NewUser {
        draft,
        account,
        products: asked,
    } = new;
    let mut user = User::new(UserId::derive(adding.seed), draft, adding.now);
    let (powers, tenant) = (adding.powers, adding.tenant);
    let book = match adding.opens {
        Some(opens) => {
            user.rights.accounts.clone_from(&opens.path);
            references::resolve_within(ctx, powers, tenant, &user).await?
        }
        None => references::resolve(ctx, powers, tenant, None, &mut user, account.as_ref()).await?,
    };
    let permission = if adding.invite {
        Permission::UsersInvite
    } else {
        Permission::UsersWrite
    };
    (adding.powers)
        .may_make(permission, &user, &book)
        .map_err(|refusal| {
            let reached = adding.powers.may(permission, &user).is_ok();
            let within = user.rights.class <= adding.powers.class;
            // Nothing about the user is too much but where it is.
            let field = if within && !reached {
                "account"
            } else {
                "class"
            };
            ApiError::RefusedFields(vec![(field, refusal)])
        })?;
    if !asked.is_empty() && !adding.powers.permit(Permission::LicencesAssign) {
        return Err(ApiError::Forbidden);
    }
    let tenant = &adding.tenant.id;
    let mut products = Vec::with_capacity(asked.len());
    for id in &asked {
        products.push(
            ctx.store
                .product(tenant, id)
                .await?
                .ok_or_else(|| vec![Refusal::ProductNotFound(id.clone())])?,
        );
    }
    let addition = adding.addition(user, products)?;
    match ctx.store.add_user(tenant, &addition).await? {
        Added::Added => Ok(addition.user),
        Added::Before(user) => Ok(*user),
        // Nothing else is in the way, so waiting helps: for the day's end, of the company and of the address.
        Added::Refused(refusals) if refusals.iter().all(of_a_day) => {
            Err(TO_AN_ADDRESS.wait(adding.now).into())
        }
        Added::Refused(refusals) => Err(refusals.into()),
    }
}

fn of_a_day(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NoInvitationsLeft | Refusal::TooManyInvitations
    )
}

impl Adding<'_> {
    fn addition(&self, mut user: User, products: Vec<Product>) -> Result<Addition, ApiError> {
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
        let entry = |seed: &Seed, operation: &str, target: Target| Entry {
            id: AuditId::derive(seed),
            at: self.now,
            actor: Actor::User {
                id: self.actor.clone(),
            },
            operation: operation.to_owned(),
            targets: vec![target],
        };
        let opened = self.opens.map(|account| {
            let target = Target::account(None, Some(account));
            let entry = entry(&self.seed.child("account"), "accounts.create", target);
            (account.clone(), entry)
        });
        let entry = entry(self.seed, "users.add", Target::added(&user));
        Ok(Addition {
            user,
            products,
            offer,
            invitations: self.tenant.invitations(),
            account: opened,
            entry,
        })
    }
}
