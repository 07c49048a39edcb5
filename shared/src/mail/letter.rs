//! The letters: what each one says, and which of its values a template sees.

use jiff::Timestamp;
use minijinja::{Value, context};

use super::clean;
use super::page::Page;

/// What Muster writes to people.
///
/// Values may hold whatever people typed; rendering makes them harmless. Most letters hold a working link, so none can
/// be printed for debugging.
#[derive(Clone)]
pub enum Letter<'a> {
    /// Asks somebody to activate.
    Invitation(Invitation<'a>),
    /// Lets somebody choose a new password.
    PasswordReset(PasswordReset<'a>),
    /// Tells somebody that their password was changed.
    PasswordChanged(PasswordChanged<'a>),
    /// Tells the old address that it is to be replaced, and how to prevent it.
    EmailChangeNotice(EmailChangeNotice<'a>),
    /// Asks the new address to confirm.
    EmailChangeConfirm(EmailChangeConfirm<'a>),
    /// Tells the old address that it was replaced.
    EmailChanged(EmailChanged<'a>),
}

/// The values of [`Letter::Invitation`].
#[derive(Clone)]
pub struct Invitation<'a> {
    /// The inviting company's name. Alone among the values it also stands in the subject.
    pub tenant: &'a str,
    /// The name of the customer account that the recipient is invited into.
    pub account: Option<&'a str>,
    /// Whom to greet.
    pub recipient: Option<&'a str>,
    /// The person who invites; without one the company does.
    pub inviter: Option<&'a str>,
    /// The activation link.
    pub link: &'a str,
    /// When the link was signed.
    pub sent_at: Timestamp,
    /// From when on the link no longer works.
    pub expires_at: Timestamp,
    /// The apps the recipient holds licences of; with none, the letter is about the account only.
    pub products: Vec<Product<'a>>,
    /// Whether the recipient is the owner with whom the company starts.
    pub first_owner: bool,
    /// The e-mail address or username to sign in with, where it is already known.
    pub sign_in_as: Option<&'a str>,
}

/// An app to get, in step 1 of an invitation.
#[derive(Clone)]
pub struct Product<'a> {
    /// The app's name.
    pub name: &'a str,
    /// Where to get it; with none, the letter says whom to ask.
    pub links: Vec<AppLink<'a>>,
    /// The licence code that the app asks for.
    pub code: Option<&'a str>,
}

/// One place to get an app from.
#[derive(Debug, Clone)]
pub struct AppLink<'a> {
    /// What to call it, for example `Google Play`.
    pub label: &'a str,
    /// Its `http` or `https` address; a link with any other address is left out.
    pub url: &'a str,
}

/// The values of [`Letter::PasswordReset`].
#[derive(Clone)]
pub struct PasswordReset<'a> {
    /// The company whose administrator sends it; none if the person asked, whose password is not that of one company.
    pub tenant: Option<&'a str>,
    /// Whom to greet.
    pub recipient: Option<&'a str>,
    /// The link to the page where the new password is chosen.
    pub link: &'a str,
    /// When the link was signed.
    pub sent_at: Timestamp,
    /// From when on the link no longer works.
    pub expires_at: Timestamp,
    /// The administrator who sends it; none if the person asked.
    pub asked_by_admin: Option<&'a str>,
}

/// The values of [`Letter::PasswordChanged`].
#[derive(Clone)]
pub struct PasswordChanged<'a> {
    /// Whom to greet.
    pub recipient: Option<&'a str>,
    /// When the password was changed.
    pub at: Timestamp,
}

/// The values of [`Letter::EmailChangeNotice`].
#[derive(Clone)]
pub struct EmailChangeNotice<'a> {
    /// The company's name.
    pub tenant: &'a str,
    /// Whom to greet.
    pub recipient: Option<&'a str>,
    /// The address that is to take the place of the one this letter goes to. It is shown in full: only so can its reader
    /// see whether it is right.
    pub new_address: &'a str,
    /// Who asked for the change.
    pub requested_by: Option<&'a str>,
    /// The link to the page where the change can be cancelled.
    pub cancel_link: &'a str,
    /// When the links were signed.
    pub sent_at: Timestamp,
    /// Until when the change can be confirmed, and cancelled.
    pub expires_at: Timestamp,
}

/// The values of [`Letter::EmailChangeConfirm`].
#[derive(Clone)]
pub struct EmailChangeConfirm<'a> {
    /// The company's name.
    pub tenant: &'a str,
    /// Whom to greet.
    pub recipient: Option<&'a str>,
    /// The code to enter, as it is to be read: `493 027`.
    pub code: &'a str,
    /// The link to the page where the code is entered.
    pub link: &'a str,
    /// When the link was signed.
    pub sent_at: Timestamp,
    /// From when on link and code no longer work.
    pub expires_at: Timestamp,
}

/// The values of [`Letter::EmailChanged`].
#[derive(Clone)]
pub struct EmailChanged<'a> {
    /// The company's name.
    pub tenant: &'a str,
    /// Whom to greet.
    pub recipient: Option<&'a str>,
    /// The address that took the place of the one this letter goes to, shown in full.
    pub new_address: &'a str,
    /// When the new address was confirmed.
    pub at: Timestamp,
}

impl Letter<'_> {
    /// The name of the letter's template file.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Invitation(_) => "invitation",
            Self::PasswordReset(_) => "password_reset",
            Self::PasswordChanged(_) => "password_changed",
            Self::EmailChangeNotice(_) => "email_change_notice",
            Self::EmailChangeConfirm(_) => "email_change_confirm",
            Self::EmailChanged(_) => "email_changed",
        }
    }

    /// All that a subject's template can see, so no translation can put more into a subject.
    pub(super) fn subject(&self) -> Value {
        let tenant = |name| clean::line(name, clean::NAME);
        match self {
            Self::Invitation(letter) => context! {
                tenant => tenant(letter.tenant),
                first_owner => letter.first_owner,
                has_products => !letter.products.is_empty(),
            },
            Self::PasswordReset(letter) => context! { tenant => letter.tenant.map(tenant) },
            Self::PasswordChanged(_) => context! {},
            Self::EmailChangeNotice(letter) => context! { tenant => tenant(letter.tenant) },
            Self::EmailChangeConfirm(letter) => context! { tenant => tenant(letter.tenant) },
            Self::EmailChanged(letter) => context! { tenant => tenant(letter.tenant) },
        }
    }

    /// All that the letter's template can see.
    pub(super) fn body(&self, page: Page) -> Value {
        match self {
            Self::Invitation(letter) => letter.body(page),
            Self::PasswordReset(letter) => letter.body(page),
            Self::PasswordChanged(letter) => letter.body(page),
            Self::EmailChangeNotice(letter) => letter.body(page),
            Self::EmailChangeConfirm(letter) => letter.body(page),
            Self::EmailChanged(letter) => letter.body(page),
        }
    }
}

impl Invitation<'_> {
    fn body(&self, page: Page) -> Value {
        let products = self.products.iter().map(|product| product.body(page));
        context! {
            tenant => page.known(self.tenant),
            account => page.typed(self.account),
            recipient => page.typed(self.recipient),
            inviter => page.typed(self.inviter),
            link => self.link,
            expires => page.language.moment_ahead(self.sent_at, self.expires_at),
            products => products.collect::<Vec<_>>(),
            first_owner => self.first_owner,
            sign_in_as => page.identifier(self.sign_in_as),
        }
    }
}

impl Product<'_> {
    fn body(&self, page: Page) -> Value {
        let links = self.links.iter().filter_map(|link| {
            let url = clean::url(link.url)?;
            Some(context! { label => clean::line(link.label, clean::NAME), url })
        });
        context! {
            name => page.known(self.name),
            links => links.collect::<Vec<_>>(),
            code => self.code.map(|code| clean::line(code, clean::NAME)),
        }
    }
}

impl PasswordReset<'_> {
    fn body(&self, page: Page) -> Value {
        context! {
            tenant => self.tenant.map(|tenant| page.known(tenant)),
            recipient => page.typed(self.recipient),
            asked_by => page.typed(self.asked_by_admin),
            link => self.link,
            expires => page.language.moment_ahead(self.sent_at, self.expires_at),
        }
    }
}

impl PasswordChanged<'_> {
    fn body(&self, page: Page) -> Value {
        context! {
            recipient => page.typed(self.recipient),
            at => page.language.moment(self.at),
        }
    }
}

impl EmailChangeNotice<'_> {
    fn body(&self, page: Page) -> Value {
        context! {
            tenant => page.known(self.tenant),
            recipient => page.typed(self.recipient),
            new_address => page.identifier(Some(self.new_address)),
            requested_by => page.typed(self.requested_by),
            cancel_link => self.cancel_link,
            expires => page.language.moment_ahead(self.sent_at, self.expires_at),
        }
    }
}

impl EmailChangeConfirm<'_> {
    fn body(&self, page: Page) -> Value {
        context! {
            tenant => page.known(self.tenant),
            recipient => page.typed(self.recipient),
            confirmation_code => clean::line(self.code, clean::NAME),
            link => self.link,
            expires => page.language.moment_ahead(self.sent_at, self.expires_at),
        }
    }
}

impl EmailChanged<'_> {
    fn body(&self, page: Page) -> Value {
        context! {
            tenant => page.known(self.tenant),
            recipient => page.typed(self.recipient),
            new_address => page.identifier(Some(self.new_address)),
            at => page.language.moment(self.at),
        }
    }
}
