//! What support asks for.

use muster_shared::domain::audit::Actor;
use muster_shared::domain::email::Email;
use muster_shared::domain::field::{Fault, FieldError, Fields};
use muster_shared::domain::id::{ProductId, Seed, TenantId, UserId};
use muster_shared::domain::leaving::Step;
use muster_shared::domain::permission::Class;
use muster_shared::domain::tenant::{Product, Tenant};
use muster_shared::domain::text::{Title, Username};
use muster_shared::http;
use muster_shared::http::forms::ProductForm;
use serde::Deserialize;
use serde_json::{Map, Value};

/// An order that can be carried out.
#[derive(Debug)]
pub struct Order {
    /// Support's own number for it: the same one again changes nothing and gets the same answer.
    pub reference: Title,
    /// For whom.
    pub tenant: TenantId,
    /// What.
    pub action: Action,
    /// What tells it from another order.
    pub fingerprint: String,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Promotes or demotes a user.
    SetClass {
        /// The user.
        user: UserId,
        /// Its class from then on.
        class: Class,
    },
    /// Suspends, reactivates, deletes or restores a user, owners too.
    Take {
        /// The step.
        step: Step,
        /// The user.
        user: UserId,
    },
    /// Has a user's address changed: of who is active by confirmation, else at once.
    SetEmail {
        /// The user.
        user: UserId,
        /// The new address.
        email: Email,
    },
    /// Gives the person behind a user another name to sign in with, in all companies.
    SetUsername {
        /// The user.
        user: UserId,
        /// The new name.
        username: Username,
    },
    /// Sets fields of the tenant's policy, those too that its owners may not.
    SetPolicy {
        /// The fields; null is the default.
        policy: Map<String, Value>,
    },
    /// Sends an invitation again, as to a first owner who let the link lapse.
    InviteAgain {
        /// The user.
        user: UserId,
    },
    /// Sets how many seats of a product the tenant bought.
    SetSeats {
        /// The product.
        product: ProductId,
        /// The seats.
        seats: u32,
    },
    /// Adds a product.
    AddProduct {
        /// The product, with no seat in use.
        product: Product,
    },
    /// Sets what the tenant may do in a day.
    SetLimits {
        /// The invitations.
        invitations_per_day: u32,
    },
}

/// The same as it is written.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum Form {
    SetClass { user: String, class: String },
    Suspend { user: String },
    Reactivate { user: String },
    Delete { user: String },
    Restore { user: String },
    SetEmail { user: String, email: String },
    SetUsername { user: String, username: String },
    SetPolicy { policy: Map<String, Value> },
    InviteAgain { user: String },
    SetSeats { product: String, seats: u32 },
    AddProduct { product: ProductForm },
    SetLimits { invitations_per_day: u32 },
}

impl Order {
    /// Reads an order.
    ///
    /// # Errors
    /// Every faulty field.
    pub fn read(event: Value) -> Result<Self, Vec<FieldError>> {
        let mut parts = match event {
            Value::Object(parts) => parts,
            _ => Map::new(),
        };
        let mut fields = Fields::new();
        let mut text = |name: &str| match parts.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (reference, tenant) = (text("reference"), text("tenant"));
        let reference = fields.required("reference", reference.as_deref(), Title::parse);
        let tenant = fields.required("tenant", tenant.as_deref(), TenantId::parse);
        let named = reference.zip(tenant);
        let seed = named
            .as_ref()
            .map_or(Seed::of(&[]), |(reference, tenant)| seed(tenant, reference));
        let action = match serde_path_to_error::deserialize::<_, Form>(Value::Object(parts)) {
            Ok(form) => form.read(&mut fields, &seed),
            Err(error) => {
                let path = error.path().to_string();
                let fault = Fault::new("malformed_request", error.into_inner().to_string());
                let field = if path == "." { "action" } else { path.as_str() };
                fields.fault(field, &fault);
                None
            }
        };
        let order = named.zip(action);
        let order = order.map(|((reference, tenant), action)| Self {
            reference,
            tenant,
            fingerprint: http::digest(&[format!("{action:?}").as_bytes()]),
            action,
        });
        fields.finish(order)
    }

    /// Who carries it out, as the audit trail tells it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Support {
            reference: Some(self.reference.to_string()),
        }
    }

    /// What its ids are made from.
    #[must_use]
    pub fn seed(&self) -> Seed {
        seed(&self.tenant, &self.reference)
    }
}

fn seed(tenant: &TenantId, reference: &Title) -> Seed {
    Seed::of(&["support", tenant.as_str(), reference.as_str()])
}

impl Form {
    fn read(self, fields: &mut Fields, seed: &Seed) -> Option<Action> {
        let mut user = |text: String| fields.take("user", UserId::parse(&text));
        let take = |step, user: Option<UserId>| Some(Action::Take { step, user: user? });
        match self {
            Self::Suspend { user: text } => take(Step::Suspend, user(text)),
            Self::Reactivate { user: text } => take(Step::Reactivate, user(text)),
            Self::Delete { user: text } => take(Step::Delete, user(text)),
            Self::Restore { user: text } => take(Step::Restore, user(text)),
            Self::SetEmail { user: text, email } => {
                let user = user(text);
                let (user, email) = user.zip(fields.take("email", Email::parse(&email)))?;
                Some(Action::SetEmail { user, email })
            }
            Self::SetUsername {
                user: text,
                username,
            } => {
                let user = user(text);
                let username = fields.take("username", Username::parse(&username));
                let (user, username) = user.zip(username)?;
                Some(Action::SetUsername { user, username })
            }
            Self::SetPolicy { policy } => Some(Action::SetPolicy { policy }),
            Self::InviteAgain { user: text } => Some(Action::InviteAgain { user: user(text)? }),
            Self::SetClass { user: text, class } => {
                let user = user(text);
                let class = fields.take("class", Class::parse(&class));
                let (user, class) = user.zip(class)?;
                Some(Action::SetClass { user, class })
            }
            Self::SetSeats { product, seats } => {
                let product = fields.take("product", ProductId::parse(&product))?;
                Some(Action::SetSeats { product, seats })
            }
            Self::AddProduct { product } => {
                let product = product.read(fields, "product", ProductId::derive(seed))?;
                Some(Action::AddProduct { product })
            }
            Self::SetLimits {
                invitations_per_day,
            } => {
                let limits = Tenant::check_invitations_per_day(invitations_per_day);
                fields.take("invitations_per_day", limits)?;
                Some(Action::SetLimits {
                    invitations_per_day,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn faults(event: Value) -> BTreeSet<String> {
        let errors = Order::read(event).map(|_| ()).unwrap_err();
        let told = |error: FieldError| format!("{}: {}", error.field, error.code);
        errors.into_iter().map(told).collect()
    }

    #[test]
    fn every_fault_of_an_order_is_named() {
        let set = |faults: &[&str]| {
            faults
                .iter()
                .map(ToString::to_string)
                .collect::<BTreeSet<_>>()
        };
        let nothing = [
            "reference: required",
            "tenant: required",
            "action: malformed_request",
        ];
        assert_eq!(faults(json!({})), set(&nothing));
        assert_eq!(faults(json!([])), set(&nothing));
        let named = |mut order: Value| {
            order["reference"] = json!("T-1");
            order["tenant"] = json!("tnt_0000000000000000");
            faults(order)
        };
        let class = json!({ "action": "set_class", "user": "x", "class": "king" });
        assert_eq!(
            named(class),
            set(&["user: invalid_id", "class: unknown_class"])
        );
        let unknown = json!({ "action": "suspend", "user": "usr_0000000000000000", "why": "x" });
        assert_eq!(named(unknown), set(&["action: malformed_request"]));
        let limits = json!({ "action": "set_limits", "invitations_per_day": 0 });
        assert_eq!(named(limits), set(&["invitations_per_day: out_of_range"]));
        let product = json!({ "action": "add_product", "product": { "name": "", "seats": 1 } });
        assert_eq!(named(product), set(&["product.name: required"]));
    }
}
