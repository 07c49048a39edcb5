//! What only the operator of the service does for a company; invoked by IAM, it has no route.

mod naming;
mod order;

use std::collections::BTreeMap;

use jiff::Timestamp;
use muster_shared::context::Context;
use muster_shared::domain::audit::{Entry, Target};
use muster_shared::domain::field::{Fault, FieldError, Fields};
use muster_shared::domain::id::{AuditId, ProductId, UserId};
use muster_shared::domain::invitation::{Offer, expired};
use muster_shared::domain::leaving::{Step, restorable_until};
use muster_shared::domain::permission::Class;
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::tenant::{Policy, Product, Tenant};
use muster_shared::domain::throttle::Subject;
use muster_shared::domain::user::User;
use muster_shared::error::Internal;
use muster_shared::lambda::{self, Function};
use muster_shared::store::StoreError;
use muster_shared::store::support::Noted;
use muster_shared::store::transaction::Transaction;
use order::{Action, Order};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::event("support", |ctx, event| Box::pin(handle(ctx, event)));

/// What an order came to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// It is carried out.
    Done {
        /// What the audit trail calls it; none where everything was so already.
        operation: Option<String>,
        /// The user, the product or the tenant.
        target: String,
    },
    /// Nothing was done.
    Refused {
        /// Everything that is wrong.
        errors: Vec<FieldError>,
    },
}

/// A part of an order's transaction that failed.
#[derive(Debug, Clone)]
enum Part {
    /// What was read has changed, or the reference was used: to be decided anew.
    Moved,
    /// The rules say no, about this field.
    Refused(&'static str, Refusal),
}

/// What an order changes.
struct Change {
    operation: &'static str,
    target: Target,
}

/// What an order comes to where the rules do not let it through.
enum Stop {
    /// Nothing is to be done.
    Unchanged(String),
    /// The rules say no.
    Refused(Vec<FieldError>),
    /// Something is broken.
    Broken(Internal),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Broken(error.into())
    }
}

/// How often an order is tried anew because others changed the same things.
const TRIES: u32 = 20;

async fn handle(ctx: &Context, event: Value) -> Result<Value, Internal> {
    let order = match Order::read(event) {
        Ok(order) => order,
        Err(errors) => return Ok(serde_json::to_value(Answer::Refused { errors })?),
    };
    lambda::concerns(&order.tenant, None);
    for _ in 0..TRIES {
        if let Some(answer) = attempt(ctx, &order).await? {
            return Ok(serde_json::to_value(answer)?);
        }
    }
    let errors = told("reference", &Refusal::Busy);
    Ok(serde_json::to_value(Answer::Refused { errors })?)
}

/// Carries the order out; nothing if others came in between.
async fn attempt(ctx: &Context, order: &Order) -> Result<Option<Answer>, Internal> {
    let noted = (ctx.store)
        .support_reference(&order.tenant, &order.reference)
        .await?;
    if let Some(noted) = noted {
        return Ok(Some(repeated(ctx, order, noted).await?));
    }
    let now = ctx.clock.now();
    let mut transaction = Transaction::new(&ctx.store);
    let (operation, target) = match change(ctx, &mut transaction, order, now).await {
        Ok(Change { operation, target }) => {
            let id = target.id.clone();
            transaction.audit(&order.tenant, &entry(order, operation, target, now))?;
            (Some(operation.to_owned()), id)
        }
        Err(Stop::Unchanged(id)) => (None, id),
        Err(Stop::Refused(errors)) => return Ok(Some(Answer::Refused { errors })),
        Err(Stop::Broken(Internal::Store(StoreError::Contended))) => return Ok(None),
        Err(Stop::Broken(error)) => return Err(error),
    };
    let noted = Noted {
        fingerprint: order.fingerprint.clone(),
        operation,
        target,
    };
    transaction.note_reference(&order.tenant, &order.reference, &noted, Part::Moved)?;
    match transaction.commit().await? {
        Ok(()) => {
            forget(ctx, order).await?;
            Ok(Some(done(noted)))
        }
        Err(failed) => Ok(failed.into_iter().find_map(|failed| match failed.tag {
            Part::Refused(field, refusal) => Some(Answer::Refused {
                errors: told(field, &refusal),
            }),
            Part::Moved => None,
        })),
    }
}

/// The answer to an order whose reference was used before.
async fn repeated(ctx: &Context, order: &Order, noted: Noted) -> Result<Answer, Internal> {
    if noted.fingerprint == order.fingerprint {
        // The first time may have broken off before that.
        forget(ctx, order).await?;
        return Ok(done(noted));
    }
    let used = Fault::new("reference_used", "was used for another order");
    Ok(Answer::Refused {
        errors: fault("reference", &used),
    })
}

fn done(noted: Noted) -> Answer {
    Answer::Done {
        operation: noted.operation,
        target: noted.target,
    }
}

fn told(field: &str, refusal: &Refusal) -> Vec<FieldError> {
    fault(field, &Fault::new(refusal.code(), refusal.message()))
}

fn fault(field: &str, fault: &Fault) -> Vec<FieldError> {
    let mut fields = Fields::new();
    fields.fault(field, fault);
    fields.into_errors()
}

fn refused(field: &str, refusal: &Refusal) -> Stop {
    Stop::Refused(told(field, refusal))
}

fn entry(order: &Order, operation: &str, target: Target, at: Timestamp) -> Entry {
    Entry {
        id: AuditId::derive(&order.seed()),
        at,
        actor: order.actor(),
        operation: operation.to_owned(),
        targets: vec![target],
    }
}

async fn change(
    ctx: &Context,
    transaction: &mut Transaction<'_, Part>,
    order: &Order,
    now: Timestamp,
) -> Result<Change, Stop> {
    let tenant = ctx.store.tenant(&order.tenant).await?;
    let tenant = tenant.ok_or_else(|| {
        let unknown = Fault::new("tenant_not_found", "names no company");
        Stop::Refused(fault("tenant", &unknown))
    })?;
    match &order.action {
        Action::SetClass { user, class } => {
            let user = find(ctx, &tenant, user).await?;
            set_class(transaction, &tenant, &user, *class, now)
        }
        Action::Take { step, user } => {
            let user = find(ctx, &tenant, user).await?;
            take(transaction, &tenant, *step, &user, now)
        }
        Action::SetEmail { user, email } => {
            let user = find(ctx, &tenant, user).await?;
            naming::set_email(ctx, transaction, order, &tenant, &user, email, now).await
        }
        Action::SetUsername { user, username } => {
            let user = find(ctx, &tenant, user).await?;
            naming::set_username(ctx, transaction, order, &tenant, &user, username, now).await
        }
        Action::SetPolicy { policy } => set_policy(transaction, &tenant, policy, now),
        Action::InviteAgain { user } => {
            let user = find(ctx, &tenant, user).await?;
            invite_again(transaction, order, &tenant, &user, now)
        }
        Action::SetSeats { product, seats } => {
            let product = bought(ctx, &tenant, product).await?;
            set_seats(transaction, &tenant, &product, *seats)
        }
        Action::AddProduct { product } => add_product(ctx, transaction, &tenant, product).await,
        Action::SetLimits {
            invitations_per_day,
        } => set_limits(transaction, &tenant, *invitations_per_day, now),
    }
}

async fn find(ctx: &Context, tenant: &Tenant, user: &UserId) -> Result<User, Stop> {
    let found = ctx.store.user(&tenant.id, user).await?;
    found.ok_or_else(|| refused("user", &Refusal::UserNotFound))
}

async fn bought(ctx: &Context, tenant: &Tenant, product: &ProductId) -> Result<Product, Stop> {
    let found = ctx.store.product(&tenant.id, product).await?;
    found.ok_or_else(|| refused("product", &Refusal::ProductNotFound(product.clone())))
}

/// Who is an owner needs no roles; who is one no more signs in anew.
fn set_class(
    transaction: &mut Transaction<'_, Part>,
    tenant: &Tenant,
    user: &User,
    class: Class,
    now: Timestamp,
) -> Result<Change, Stop> {
    if user.deleted_at.is_some() {
        return Err(refused("user", &Refusal::UserDeleted));
    }
    if user.rights.class == class {
        return Err(Stop::Unchanged(user.id.to_string()));
    }
    let mut after = User {
        updated_at: now,
        ..user.clone()
    };
    after.rights.class = class;
    if class == Class::Owner {
        after.rights.roles.clear();
    }
    if class < user.rights.class {
        after.sessions = user.sessions.wrapping_add(1);
    }
    let mut fields = Fields::new();
    for (field, fault) in after.rights.contradictions() {
        fields.fault(field, &fault);
    }
    fields.finish(Some(())).map_err(Stop::Refused)?;
    edit(transaction, tenant, user, &after)?;
    Ok(Change {
        operation: "users.set_class",
        target: Target::changed(user, &after),
    })
}

/// Seats, licence codes, invitation and membership go with the user, as when its own company takes the step.
fn take(
    transaction: &mut Transaction<'_, Part>,
    tenant: &Tenant,
    step: Step,
    user: &User,
    now: Timestamp,
) -> Result<Change, Stop> {
    let gone = user.deleted_at.is_some();
    if gone && matches!(step, Step::Suspend | Step::Reactivate) {
        return Err(refused("user", &Refusal::UserDeleted));
    }
    if step == Step::Restore && restorable_until(user).is_some_and(|end| expired(end, now)) {
        return Err(refused("user", &Refusal::TooLateToRestore));
    }
    let stands = match step {
        Step::Suspend => user.suspended_at.is_some(),
        Step::Reactivate => user.suspended_at.is_none(),
        Step::Delete => gone,
        Step::Restore => !gone,
    };
    if stands {
        return Err(Stop::Unchanged(user.id.to_string()));
    }
    let after = step.applied(user, now);
    edit(transaction, tenant, user, &after)?;
    let left: BTreeMap<_, _> = (user.licences.iter())
        .filter(|(product, _)| !after.licences.contains_key(product))
        .collect();
    for (product, licence) in left {
        transaction.remove_code(&licence.code);
        transaction.free_seats(&tenant.id, product, 1, Part::Moved);
    }
    if user.invited.is_some() && after.invited.is_none() {
        transaction.withdraw_invitation(&tenant.id, &user.id);
    }
    if let (Step::Delete, Some(email)) = (step, &user.email) {
        transaction.remove_membership(&email.folded(), &tenant.id);
    }
    Ok(Change {
        operation: step.operation(),
        target: Target::changed(user, &after),
    })
}

/// After a deletion: the credentials of a person who is a member nowhere any more.
async fn forget(ctx: &Context, order: &Order) -> Result<(), Internal> {
    if let Action::Take {
        step: Step::Delete,
        user,
    } = &order.action
    {
        let user = ctx.store.user(&order.tenant, user).await?;
        let user: Vec<User> = user.into_iter().collect();
        ctx.store.forget_people(&user).await?;
    }
    Ok(())
}

/// By the rules of every invitation: of its recipient, and of how many there may be in a day.
fn invite_again(
    transaction: &mut Transaction<'_, Part>,
    order: &Order,
    tenant: &Tenant,
    user: &User,
    now: Timestamp,
) -> Result<Change, Stop> {
    let offer = Offer::to(user, &tenant.id, None, &order.seed(), now)
        .map_err(|refusal| refused("user", &refusal))?;
    if user.invited.is_none() {
        return Err(refused("user", &Refusal::NotInvited));
    }
    let after = offer.applied(user);
    edit(transaction, tenant, user, &after)?;
    transaction.offer(&tenant.id, &offer, Part::Moved)?;
    let full = Part::Refused("user", Refusal::TooManyInvitations);
    transaction.count_offer(&tenant.id, &offer, full);
    transaction.take(
        &Subject::invitations(&tenant.id),
        tenant.invitations(),
        1,
        now,
        Part::Refused("tenant", Refusal::NoInvitationsLeft),
    );
    Ok(Change {
        operation: "invitations.resend",
        target: Target::changed(user, &after),
    })
}

fn edit(
    transaction: &mut Transaction<'_, Part>,
    tenant: &Tenant,
    before: &User,
    after: &User,
) -> Result<(), StoreError> {
    transaction.edit_user(&tenant.id, before, after, |refusal| match refusal {
        Refusal::Busy => Part::Moved,
        refusal => Part::Refused("user", refusal),
    })
}

/// Never below what is in use.
fn set_seats(
    transaction: &mut Transaction<'_, Part>,
    tenant: &Tenant,
    product: &Product,
    seats: u32,
) -> Result<Change, Stop> {
    if product.seats == seats {
        return Err(Stop::Unchanged(product.id.to_string()));
    }
    if product.used > seats {
        let message = format!("must be {} at least: so many are in use", product.used);
        return Err(Stop::Refused(fault(
            "seats",
            &Fault::new("seats_in_use", message),
        )));
    }
    transaction.set_seats(&tenant.id, product, seats, Part::Moved);
    let before = json!({ "seats": product.seats });
    Ok(Change {
        operation: "products.set_seats",
        target: Target::altered(&product.id, before, json!({ "seats": seats })),
    })
}

async fn add_product(
    ctx: &Context,
    transaction: &mut Transaction<'_, Part>,
    tenant: &Tenant,
    product: &Product,
) -> Result<Change, Stop> {
    let products = ctx.store.products(&tenant.id).await?;
    if products.len() >= Product::MOST {
        let message = format!("would be more than {} products", Product::MOST);
        return Err(Stop::Refused(fault(
            "product",
            &Fault::new("out_of_range", message),
        )));
    }
    transaction.add_product(&tenant.id, product, Part::Moved)?;
    let after = json!({ "name": product.name, "seats": product.seats });
    Ok(Change {
        operation: "products.add",
        target: Target::of(&product.id).after(after),
    })
}

fn set_policy(
    transaction: &mut Transaction<'_, Part>,
    tenant: &Tenant,
    policy: &Map<String, Value>,
    now: Timestamp,
) -> Result<Change, Stop> {
    let policy = tenant.policy.with(policy).map_err(|faults| {
        let mut fields = Fields::new();
        for (field, fault) in faults {
            fields.fault(&format!("policy.{field}"), &fault);
        }
        Stop::Refused(fields.into_errors())
    })?;
    if policy == tenant.policy {
        return Err(Stop::Unchanged(tenant.id.to_string()));
    }
    let facts = |policy: &Policy| json!({ "policy": policy });
    let target = Target::altered(&tenant.id, facts(&tenant.policy), facts(&policy));
    let after = Tenant {
        policy,
        updated_at: Some(now),
        ..tenant.clone()
    };
    transaction.edit_tenant(tenant, &after, Part::Moved)?;
    Ok(Change {
        operation: "tenants.change",
        target,
    })
}

fn set_limits(
    transaction: &mut Transaction<'_, Part>,
    tenant: &Tenant,
    invitations_per_day: u32,
    now: Timestamp,
) -> Result<Change, Stop> {
    if tenant.invitations_per_day == invitations_per_day {
        return Err(Stop::Unchanged(tenant.id.to_string()));
    }
    let after = Tenant {
        invitations_per_day,
        updated_at: Some(now),
        ..tenant.clone()
    };
    transaction.edit_tenant(tenant, &after, Part::Moved)?;
    let facts = |limit: u32| json!({ "invitations_per_day": limit });
    let (before, after) = (tenant.invitations_per_day, invitations_per_day);
    Ok(Change {
        operation: "tenants.set_limits",
        target: Target::altered(&tenant.id, facts(before), facts(after)),
    })
}
