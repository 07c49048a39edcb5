//! Writes an export to the bucket.

mod names;
mod trail;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use futures::future::OptionFuture;
use futures::try_join;
use jiff::Timestamp;
use muster_shared::context::Context;
use muster_shared::domain::email::Email;
use muster_shared::domain::export::{Export, ExportOf, ExportState, ExtraColumn};
use muster_shared::domain::id::TenantId;
use muster_shared::domain::permission::{ModuleRight, Permission, RoleBook};
use muster_shared::domain::phone::Phone;
use muster_shared::domain::powers::{Powers, Sight};
use muster_shared::domain::tenant::{Product, Tenant};
use muster_shared::domain::text::{EmployeeNumber, ExternalId, Locale, Username};
use muster_shared::domain::user::User;
use muster_shared::error::Internal;
use muster_shared::files::{Cell, Heading, Sheet};
use muster_shared::lambda::{self, Function, outbox_keys};
use muster_shared::store::keys;
use muster_shared::store::users::{Listed, Search};
use names::Names;
use tempfile::tempfile;
use tokio::task::yield_now;

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::queue("export", |ctx, message| Box::pin(handle(ctx, message)));

/// How many users are read at a time.
const PAGE: usize = 500;

async fn handle(ctx: &Context, message: String) -> Result<(), Internal> {
    let (pk, sk) = outbox_keys(&message)?;
    let (tenant, id) =
        keys::read_export(&pk, &sk).ok_or(Internal::Broken("the message names no export"))?;
    lambda::concerns(&tenant, None);
    let Some(export) = ctx.store.export(&tenant, &id).await? else {
        return Ok(());
    };
    if matches!(export.state, ExportState::Done | ExportState::Failed) {
        return Ok(());
    }
    ctx.store
        .export_running(&tenant, &id, ctx.clock.now())
        .await?;
    let company = ctx
        .store
        .tenant(&tenant)
        .await?
        .ok_or(Internal::Broken("the export's tenant is gone"))?;
    let rows = match (powers(ctx, &company, &export).await?, export.of) {
        (Some(powers), ExportOf::Users) => Some(write(ctx, company, &export, &powers).await?),
        (Some(_), ExportOf::Audit) => Some(trail::write(ctx, &tenant, &export).await?),
        (None, _) => None,
    };
    Ok(ctx
        .store
        .export_ended(&tenant, &id, rows, ctx.clock.now())
        .await?)
}

/// What whoever asked for the export may do now; none if that is no longer to export.
async fn powers(
    ctx: &Context,
    company: &Tenant,
    export: &Export,
) -> Result<Option<Powers>, Internal> {
    let powers = (ctx.store)
        .present_powers(company, &export.requested_by, ctx.clock.now())
        .await?;
    let may = |powers: &Powers| match export.of {
        ExportOf::Users => powers.permit(Permission::ExportsRun),
        // The trail tells of everybody.
        ExportOf::Audit => powers.permit(Permission::AuditRead) && powers.sight == Sight::All,
    };
    Ok(powers.filter(may))
}

/// Writes the file to disk, row by row, and then to the bucket in parts: memory does not grow with it. The same export
/// written again replaces its file.
async fn write(
    ctx: &Context,
    company: Tenant,
    export: &Export,
    powers: &Powers,
) -> Result<u64, Internal> {
    let tenant = &company.id.clone();
    let columns = Columns {
        company,
        products: ctx.store.products(tenant).await?,
        book: ctx.store.role_book(tenant).await?,
        extra: export.columns.clone(),
    };
    let mut names = Names::default();
    let mut sheet = Sheet::new(export.format, tempfile()?, &columns.headings())?;
    let mut rows = 0;
    let mut next = Some(page(ctx, tenant, export, powers, None).await?);
    while let Some(Listed { users, next: after }) = next {
        names.learn(ctx, tenant, &export.columns, &users).await?;
        let write = async {
            // The next page is on its way meanwhile.
            yield_now().await;
            let now = ctx.clock.now();
            for user in &users {
                sheet.write(&columns.cells(user, &names, now))?;
                rows += 1;
            }
            Ok(())
        };
        let read = after.map(|after| page(ctx, tenant, export, powers, Some(after)));
        let read = async { OptionFuture::from(read).await.transpose() };
        (next, ()) = try_join!(read, write)?;
    }
    upload(ctx, tenant, export, sheet.finish()?).await?;
    Ok(rows)
}

/// A page of the users that whoever asked for the export wants, and may see.
async fn page(
    ctx: &Context,
    tenant: &TenantId,
    export: &Export,
    powers: &Powers,
    after: Option<String>,
) -> Result<Listed, Internal> {
    let (all, now) = (Search::Name(String::new()), ctx.clock.now());
    let admits = |user: &User| powers.sees(user) && export.filter.admits(user, now);
    let listed = ctx
        .store
        .list_users(tenant, &all, after.as_deref(), PAGE, admits);
    Ok(listed.await?)
}

async fn upload(
    ctx: &Context,
    tenant: &TenantId,
    export: &Export,
    mut file: File,
) -> Result<(), Internal> {
    file.seek(SeekFrom::Start(0))?;
    let mut upload = ctx
        .files()
        .writer(export.key(tenant), export.format.content_type());
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        upload.write(&buffer[..read]).await?;
    }
    Ok(upload.finish().await?)
}

/// The columns of an export.
struct Columns {
    company: Tenant,
    products: Vec<Product>,
    book: RoleBook,
    extra: Vec<ExtraColumn>,
}

/// The usual columns, with the names that users of such lists know.
const USUAL: [(&str, f64); 12] = [
    ("ID", 22.0),
    ("Name", 28.0),
    ("Username", 20.0),
    ("Role", 24.0),
    ("Email", 32.0),
    ("Phone", 18.0),
    ("Last Login", 20.0),
    ("Employee Number", 18.0),
    ("Company", 28.0),
    ("Created", 20.0),
    ("Updated", 20.0),
    ("Status", 20.0),
];

impl Columns {
    fn headings(&self) -> Vec<Heading> {
        let extra = self.extra.iter().map(|column| match column {
            ExtraColumn::ExternalId => ("External ID", 20.0),
            ExtraColumn::Kind => ("Kind", 10.0),
            ExtraColumn::Class => ("Class", 10.0),
            ExtraColumn::Roles => ("Roles", 30.0),
            ExtraColumn::Modules => ("Modules", 30.0),
            ExtraColumn::Groups => ("Groups", 30.0),
            ExtraColumn::Licences => ("Licences", 40.0),
            ExtraColumn::Account => ("Account", 28.0),
            ExtraColumn::Locale => ("Locale", 10.0),
        });
        USUAL
            .into_iter()
            .chain(extra)
            .map(|(name, width)| Heading { name, width })
            .collect()
    }

    fn cells<'a>(&'a self, user: &'a User, names: &'a Names, now: Timestamp) -> Vec<Cell<'a>> {
        let mut cells = vec![
            Cell::from(user.id.as_str()),
            Cell::from(user.display_name()),
            Cell::from(user.username.as_ref().map(Username::as_str)),
            Cell::from(self.role(user)),
            Cell::from(user.email.as_ref().map(Email::as_str)),
            Cell::from(user.phone.as_ref().map(Phone::as_str)),
            Cell::from(user.last_login_at),
            Cell::from(user.employee_number.as_ref().map(EmployeeNumber::as_str)),
            Cell::from(self.company.name.as_str()),
            Cell::from(user.created_at),
            Cell::from(user.updated_at),
            Cell::from(user.status(now).words()),
        ];
        cells.extend(self.extra.iter().map(|column| match column {
            ExtraColumn::ExternalId => {
                Cell::from(user.external_id.as_ref().map(ExternalId::as_str))
            }
            ExtraColumn::Kind => Cell::from(user.kind.as_str()),
            ExtraColumn::Class => Cell::from(user.rights.class.as_str()),
            ExtraColumn::Roles => listed(&self.roles(user)),
            ExtraColumn::Modules => listed(&modules(user)),
            ExtraColumn::Groups => listed(&names.groups(user)),
            ExtraColumn::Licences => Cell::from(self.licences(user)),
            ExtraColumn::Account => Cell::from(names.account(user)),
            ExtraColumn::Locale => Cell::from(user.locale.as_ref().map(Locale::as_str)),
        }));
        cells
    }

    fn licences(&self, user: &User) -> String {
        let held = self.products.iter().filter_map(|product| {
            let licence = user.licences.get(&product.id)?;
            Some(format!("{}: {}", product.name, licence.state().words()))
        });
        held.collect::<Vec<_>>().join("; ")
    }

    fn roles(&self, user: &User) -> Vec<String> {
        let names = user.rights.roles.iter().map(|role| self.book.name(role));
        names.map(str::to_owned).collect()
    }

    /// The class, and the roles where they count.
    fn role(&self, user: &User) -> String {
        let (class, roles) = (user.rights.class.as_str(), self.roles(user));
        if roles.is_empty() {
            class.to_owned()
        } else {
            format!("{class}: {}", roles.join(", "))
        }
    }
}

fn modules(user: &User) -> Vec<String> {
    let right = |right: &ModuleRight| match right {
        ModuleRight::View => "view",
        ModuleRight::Edit => "edit",
    };
    let modules = user.rights.modules.iter();
    modules
        .map(|(module, held)| format!("{module}: {}", right(held)))
        .collect()
}

/// Several values in one cell, as an import reads them; nothing where there are none.
fn listed(values: &[String]) -> Cell<'static> {
    Cell::from((!values.is_empty()).then(|| values.join("; ")))
}
