//! Accounts as they are filled in and shown, and how one comes to be: for `accounts` and for inviting into a new one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time;
use crate::context::Context;
use crate::domain::account::{self, Account, AccountKind, Holder, Reimbursement};
use crate::domain::field::{Fault, Fields};
use crate::domain::id::{AccountId, Seed};
use crate::domain::personal::AuditKey;
use crate::domain::powers::Powers;
use crate::domain::rate::{self, PerKwh, Rate, Rates};
use crate::domain::tenant::Tenant;
use crate::domain::text::{Address, Currency, RegistrationNumber, Title};
use crate::domain::vat::VatNumber;
use crate::error::ApiError;

/// Who stands behind an account: a company, of which everything is required, or a private person.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AccountHolder)]
pub struct HolderForm {
    /// `business` or `consumer`.
    #[schema(example = "business")]
    pub kind: Option<String>,
    /// The company's name.
    #[schema(example = "Fast Wheels GmbH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_name: Option<String>,
    /// Under which it is registered.
    #[schema(example = "HRB 12345")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_number: Option<String>,
    /// Its VAT number, with the country's prefix; shown without spaces.
    #[schema(example = "DE123456789")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vat_number: Option<String>,
    /// Its address, in one line.
    #[schema(example = "Am Hafen 1, 20457 Hamburg, Germany")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl HolderForm {
    /// Reads it; `at` is where it stands: `holder` or `account.holder`.
    pub fn read(&self, fields: &mut Fields, at: &str) -> Option<Holder> {
        let field = |name: &str| format!("{at}.{name}");
        let kind = fields.required(&field("kind"), self.kind.as_deref(), |text| match text {
            "business" | "consumer" => Ok(text == "business"),
            _ => Err(Fault::new("unknown_kind", "must be business or consumer")),
        });
        let business = [
            ("company_name", &self.company_name),
            ("registration_number", &self.registration_number),
            ("vat_number", &self.vat_number),
            ("address", &self.address),
        ];
        if kind? {
            let [company, registration, vat, address] = business;
            let company = fields.required(&field(company.0), company.1.as_deref(), Title::parse);
            let registration = fields.required(
                &field(registration.0),
                registration.1.as_deref(),
                RegistrationNumber::parse,
            );
            let vat = fields.required(&field(vat.0), vat.1.as_deref(), VatNumber::parse);
            let address = fields.required(&field(address.0), address.1.as_deref(), Address::parse);
            return Some(Holder::Business {
                company_name: company?,
                registration_number: registration?,
                vat_number: vat?,
                address: address?,
            });
        }
        for (name, _) in business.iter().filter(|(_, text)| text.is_some()) {
            let fault = Fault::new("not_for_consumer", "is for a business only");
            fields.fault(&field(name), &fault);
        }
        Some(Holder::Consumer)
    }
}

impl From<&Holder> for HolderForm {
    fn from(holder: &Holder) -> Self {
        match holder {
            Holder::Consumer => Self {
                kind: Some("consumer".to_owned()),
                ..Self::default()
            },
            Holder::Business {
                company_name,
                registration_number,
                vat_number,
                address,
            } => Self {
                kind: Some("business".to_owned()),
                company_name: Some(company_name.to_string()),
                registration_number: Some(registration_number.to_string()),
                vat_number: Some(vat_number.to_string()),
                address: Some(address.to_string()),
            },
        }
    }
}

/// A reimbursement rate, as filled in.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateForm {
    /// How much per kWh: a decimal as text, with at most 6 digits before and after the point.
    #[schema(example = "0.25")]
    pub per_kwh: Option<String>,
    /// In what money, as ISO 4217 writes it; lacking: the company's.
    #[schema(example = "EUR")]
    pub currency: Option<String>,
    /// The first day it is in force, UTC: today or later; lacking: today.
    #[schema(example = "2026-04-01")]
    pub from: Option<String>,
}

impl RateForm {
    /// Reads it; `at` is what stands before its fields: nothing, or `rate.`.
    pub fn read(
        &self,
        fields: &mut Fields,
        at: &str,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Option<Rate> {
        let field = |name: &str| format!("{at}{name}");
        let per_kwh = fields.required(&field("per_kwh"), self.per_kwh.as_deref(), PerKwh::parse);
        let currency = fields.optional(
            &field("currency"),
            self.currency.as_deref(),
            Currency::parse,
        );
        let from = fields.optional(&field("from"), self.from.as_deref(), rate::day);
        Some(Rate {
            per_kwh: per_kwh?,
            currency: currency.unwrap_or_else(|| tenant.currency.clone()),
            from: from.unwrap_or_else(|| rate::today(now)),
            set_at: now,
        })
    }
}

/// A new account, as filled in.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccountForm {
    /// `client`, at the top, or a sub-account: `employee` or `subsidiary`.
    #[schema(example = "employee")]
    pub kind: Option<String>,
    /// Id of the account that a sub-account is made below.
    #[schema(example = "acc_4zk0m7v2q8x1c9dj")]
    pub parent: Option<String>,
    /// Its name; unique among the accounts beside it.
    #[schema(example = "Fast Wheels")]
    pub name: Option<String>,
    /// Who stands behind it; lacking: a private person.
    pub holder: Option<HolderForm>,
    /// What is paid back for private charging; for sub-accounts only.
    pub rate: Option<RateForm>,
}

/// A new account, as read.
#[derive(Debug)]
pub struct NewAccount {
    /// What kind.
    pub kind: AccountKind,
    parent: Option<AccountId>,
    name: Title,
    holder: Holder,
    rate: Option<Rate>,
}

impl AccountForm {
    /// Reads the form; `at` is what stands before its fields: nothing, or `account.`.
    pub fn read(
        &self,
        fields: &mut Fields,
        at: &str,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Option<NewAccount> {
        let field = |name: &str| format!("{at}{name}");
        let kind = fields.required(&field("kind"), self.kind.as_deref(), AccountKind::parse);
        let parent = fields.optional(&field("parent"), self.parent.as_deref(), AccountId::parse);
        let name = fields.required(&field("name"), self.name.as_deref(), Title::parse);
        let holder = match &self.holder {
            Some(holder) => holder.read(fields, &field("holder")),
            None => Some(Holder::Consumer),
        };
        let rate = self.rate.as_ref();
        let rate = match (kind, rate) {
            (Some(AccountKind::Client), Some(_)) => {
                let fault = Fault::new("not_for_client", "is for sub-accounts only");
                fields.take(&field("rate"), Err(fault))
            }
            _ => rate.map(|rate| rate.read(fields, &field("rate."), tenant, now)),
        };
        Some(NewAccount {
            kind: kind?,
            parent,
            name: name?,
            holder: holder?,
            rate: rate.flatten(),
        })
    }
}

/// Who makes an account, for which company.
#[derive(Debug)]
pub struct Opening<'a> {
    /// What the caller may do.
    pub powers: &'a Powers,
    /// The caller's tenant.
    pub tenant: &'a Tenant,
    /// What the id is made from; the same for a retry.
    pub seed: &'a Seed,
    /// What stands before the fields: nothing, or `account.`.
    pub at: &'a str,
    /// The present moment.
    pub now: Timestamp,
}

impl Opening<'_> {
    /// The account that is to be made: a client by whoever manages all accounts, a sub-account by whoever manages the
    /// one it is made below.
    ///
    /// # Errors
    /// When the caller may not, or parent or rate do not go with it.
    pub async fn account(&self, ctx: &Context, new: NewAccount) -> Result<Account, ApiError> {
        let fault =
            |name: &str, fault: &Fault| ApiError::field(&format!("{}{name}", self.at), fault);
        let parent = match &new.parent {
            Some(id) => {
                let parent = ctx.store.account(&self.tenant.id, id).await?;
                let parent = parent.filter(|parent| self.powers.sees_account(&parent.path));
                Some(parent.ok_or_else(|| fault("parent", &unknown()))?)
            }
            None => None,
        };
        let id = AccountId::derive(self.seed);
        let path = account::path(&id, new.kind, parent.as_ref());
        let path = path.map_err(|wrong| fault("parent", &wrong))?;
        if !self.powers.manages_from_above(&path) {
            return Err(ApiError::Forbidden);
        }
        let rates = match new.rate {
            Some(rate) => Rates::default().with(rate, rate::today(self.now)),
            None => Ok(None),
        };
        Ok(Account {
            id,
            kind: new.kind,
            name: new.name,
            path,
            holder: new.holder,
            rates: rates
                .map_err(|wrong| fault("rate.from", &wrong))?
                .unwrap_or_default(),
            audit_key: AuditKey::random().ok(),
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        })
    }
}

/// What is said of an account that there is not, or that the caller does not see.
#[must_use]
pub fn unknown() -> Fault {
    Fault::new("unknown_account", "is not an account of the company")
}

/// A reimbursement rate.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Rate)]
pub struct RateView {
    /// How much per kWh: an exact decimal, without needless zeros.
    #[schema(example = "0.25")]
    pub per_kwh: String,
    /// In what money, as ISO 4217 writes it.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The first day it is in force, UTC.
    #[schema(example = "2026-04-01")]
    pub from: String,
    /// When it was entered, RFC 3339.
    #[schema(format = DateTime)]
    pub set_at: String,
}

impl From<&Rate> for RateView {
    fn from(rate: &Rate) -> Self {
        Self {
            per_kwh: rate.per_kwh.to_string(),
            currency: rate.currency.to_string(),
            from: rate.from.to_string(),
            set_at: time(rate.set_at),
        }
    }
}

/// A customer's account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView {
    /// Its id.
    #[schema(value_type = AccountId)]
    pub id: String,
    /// What kind.
    pub kind: AccountKind,
    /// Its name.
    #[schema(example = "Fast Wheels")]
    pub name: String,
    /// The account that it is right below; none for a client.
    pub parent: Option<String>,
    /// The way to it from the client at the top, itself included.
    #[schema(value_type = Vec<AccountId>)]
    pub path: Vec<String>,
    /// Who stands behind it.
    pub holder: HolderForm,
    /// How private charging is paid back while a rate is in force: `automated` for an employee, `manual` for a
    /// subsidiary; none for a client.
    pub reimbursement: Option<Reimbursement>,
    /// The rate in force today.
    pub rate: Option<RateView>,
    /// All rates, by their first day: past ones, the one in force, future ones.
    pub rates: Vec<RateView>,
    /// When it was made, RFC 3339.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Counts its changes; the `ETag`.
    pub version: u64,
}

impl AccountView {
    /// Shows an account as it stands at `now`.
    #[must_use]
    pub fn new(account: &Account, now: Timestamp) -> Self {
        Self {
            id: account.id.to_string(),
            kind: account.kind,
            name: account.name.to_string(),
            parent: account.parent().map(ToString::to_string),
            path: account.path.iter().map(ToString::to_string).collect(),
            holder: HolderForm::from(&account.holder),
            reimbursement: account.kind.reimbursement(),
            rate: account.rates.on(rate::today(now)).map(RateView::from),
            rates: account.rates.all().iter().map(RateView::from).collect(),
            created_at: time(account.created_at),
            updated_at: time(account.updated_at),
            version: account.version,
        }
    }
}
