//! Sets up a tenant with its first owner and its products; support invokes it, it has no route.

use jiff::Timestamp;
use muster_shared::context::Context;
use muster_shared::domain::audit::{Actor, Entry, Target};
use muster_shared::domain::email::Email;
use muster_shared::domain::field::{Fault, FieldError, Fields};
use muster_shared::domain::id::{AuditId, ProductId, Seed, TenantId, UserId};
use muster_shared::domain::invitation::Offer;
use muster_shared::domain::permission::Rights;
use muster_shared::domain::tenant::{Policy, Product, Tenant};
use muster_shared::domain::text::{Currency, Locale, Name, Title};
use muster_shared::domain::user::{Draft, User};
use muster_shared::error::Internal;
use muster_shared::http::forms::ProductForm;
use muster_shared::lambda::{self, Function};
use muster_shared::store::transaction::Transaction;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::event("provision", |ctx, event| Box::pin(handle(ctx, event)));

/// The tenant that support asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Support's own number for the order: the same one again changes nothing and gets the same answer.
    reference: String,
    name: String,
    owner: Owner,
    products: Vec<ProductForm>,
    #[serde(default)]
    policy: Policy,
    #[serde(default = "english")]
    locale: String,
    #[serde(default = "euro")]
    currency: String,
    /// More than one for a tenant with hundreds of thousands of users.
    #[serde(default = "one")]
    shards: u16,
    #[serde(default = "Tenant::default_invitations_per_day")]
    invitations_per_day: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
}

fn english() -> String {
    "en".to_owned()
}

fn euro() -> String {
    "EUR".to_owned()
}

fn one() -> u16 {
    1
}

/// The tenant as set up, or what is wrong with the order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// It is set up, and its owner gets a mail.
    Provisioned {
        /// The tenant.
        tenant: TenantId,
        /// Its first owner.
        owner: UserId,
        /// Its products, in the order asked for.
        products: Vec<Provisioned>,
    },
    /// Nothing was done.
    Refused {
        /// Everything that is wrong.
        errors: Vec<FieldError>,
    },
}

/// A product as set up.
#[derive(Debug, Serialize, Deserialize)]
pub struct Provisioned {
    /// Its id.
    pub id: ProductId,
    /// Its name.
    pub name: String,
}

async fn handle(ctx: &Context, event: Value) -> Result<Value, Internal> {
    let request: Request = match serde_path_to_error::deserialize(event) {
        Ok(request) => request,
        Err(error) => {
            return refused(vec![FieldError {
                field: error.path().to_string(),
                code: "malformed_request".to_owned(),
                message: error.into_inner().to_string(),
            }]);
        }
    };
    let setup = match request.read(ctx.clock.now()) {
        Ok(setup) => setup,
        Err(errors) => return refused(errors),
    };
    let mut transaction = Transaction::new(&ctx.store);
    let id = &setup.tenant.id;
    lambda::concerns(id, Some(&setup.owner.id));
    transaction.add_tenant(&setup.tenant, &setup.products, setup.entry.at, &())?;
    transaction.add_user(id, &setup.owner, |_| ())?;
    transaction.offer(id, &setup.offer, ())?;
    transaction.audit(id, &setup.entry)?;
    if transaction.commit().await?.is_err() && !is_set_up(ctx, &setup).await? {
        let used = Fault::new("reference_used", "was used for another order");
        let mut fields = Fields::new();
        fields.fault("reference", &used);
        return refused(fields.into_errors());
    }
    let products = setup
        .products
        .into_iter()
        .map(|product| Provisioned {
            id: product.id,
            name: product.name.to_string(),
        })
        .collect();
    Ok(serde_json::to_value(Answer::Provisioned {
        tenant: setup.tenant.id,
        owner: setup.owner.id,
        products,
    })?)
}

/// Whether what stands in the way is this very order, carried out before: every id follows from its reference.
/// Of a tenant that has lived since, seats and policy may be others.
async fn is_set_up(ctx: &Context, setup: &Setup) -> Result<bool, Internal> {
    let id = &setup.tenant.id;
    let Some(tenant) = ctx.store.tenant(id).await? else {
        return Ok(false);
    };
    let owner = ctx.store.user(id, &setup.owner.id).await?;
    let products = ctx.store.products(id).await?;
    let known = |asked: &Product| {
        let mut products = products.iter();
        products.any(|product| product.id == asked.id && product.name == asked.name)
    };
    Ok(tenant.name == setup.tenant.name
        && owner.is_some_and(|owner| owner.email == setup.owner.email)
        && setup.products.iter().all(known))
}

fn refused(errors: Vec<FieldError>) -> Result<Value, Internal> {
    Ok(serde_json::to_value(Answer::Refused { errors })?)
}

/// All that one transaction sets up.
struct Setup {
    tenant: Tenant,
    products: Vec<Product>,
    owner: User,
    offer: Offer,
    entry: Entry,
}

impl Request {
    fn read(&self, now: Timestamp) -> Result<Setup, Vec<FieldError>> {
        let mut fields = Fields::new();
        let seed = Seed::of(&["provision", &self.reference]);
        if self.reference.trim().is_empty() {
            fields.fault("reference", &Fault::new("required", "is required"));
        }
        let name = fields.required("name", Some(&self.name), Title::parse);
        let email = fields.required("owner.email", Some(&self.owner.email), Email::parse);
        let first_name = fields.optional(
            "owner.first_name",
            self.owner.first_name.as_deref(),
            Name::parse,
        );
        let last_name = fields.optional(
            "owner.last_name",
            self.owner.last_name.as_deref(),
            Name::parse,
        );
        fields.take("policy.invitation_ttl_hours", self.policy.check());
        let locale = fields.take("locale", Locale::parse(&self.locale));
        let currency = fields.take("currency", Currency::parse(&self.currency));
        if !(1..=TenantId::MAX_SHARDS).contains(&self.shards) {
            let most = TenantId::MAX_SHARDS;
            fields.fault(
                "shards",
                &Fault::new("out_of_range", format!("must be 1 to {most}")),
            );
        }
        let limit = Tenant::check_invitations_per_day(self.invitations_per_day);
        fields.take("invitations_per_day", limit);
        if self.products.len() > Product::MOST {
            let most = Product::MOST;
            fields.fault(
                "products",
                &Fault::new("out_of_range", format!("must be at most {most}")),
            );
        }
        let products: Vec<Product> = self
            .products
            .iter()
            .enumerate()
            .filter_map(|(index, form)| {
                let id = ProductId::derive(&seed.child(&format!("product/{index}")));
                form.read(&mut fields, &format!("products[{index}]"), id)
            })
            .collect();
        let id = TenantId::with_shards(&seed, self.shards);
        let draft = Draft {
            email,
            first_name,
            last_name,
            rights: Rights::owner(),
            ..Draft::default()
        };
        let owner = User::new(UserId::derive(&seed), draft, now);
        let offer = Offer::to(&owner, &id, None, &seed, now).ok();
        let setup = name.zip(offer).zip(locale.zip(currency));
        let setup = setup.map(|((name, offer), (locale, currency))| Setup {
            entry: Entry {
                id: AuditId::derive(&seed),
                at: now,
                actor: Actor::Support {
                    reference: Some(self.reference.clone()),
                },
                operation: "tenants.provision".to_owned(),
                targets: self.targets(&id, &products, &offer.applied(&owner)),
            },
            tenant: Tenant {
                id,
                name,
                policy: self.policy.clone(),
                locale,
                currency,
                invitations_per_day: self.invitations_per_day,
                updated_at: None,
                version: 1,
            },
            products,
            owner: offer.applied(&owner),
            offer,
        });
        fields.finish(setup)
    }
}

impl Request {
    /// What was set up, for the audit trail.
    fn targets(&self, tenant: &TenantId, products: &[Product], owner: &User) -> Vec<Target> {
        let company = Target::of(tenant).after(json!({
            "name": self.name,
            "policy": self.policy,
            "locale": self.locale,
            "currency": self.currency,
        }));
        let product = |product: &Product| {
            Target::of(&product.id).after(json!({ "name": product.name, "seats": product.seats }))
        };
        let products = products.iter().map(product);
        [company, Target::added(owner)]
            .into_iter()
            .chain(products)
            .collect()
    }
}
