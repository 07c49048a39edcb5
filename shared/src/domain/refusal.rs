//! Why something asked for is not done: every refusal, with its stable code, in one place.

use super::id::ProductId;

/// Why one item of a request, or one row of a file, is not done. Not an error: the rules of the field said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such user in the tenant.
    UserNotFound,
    /// There is no such product in the tenant.
    ProductNotFound(ProductId),
    /// The user is deleted.
    UserDeleted,
    /// The user is suspended.
    UserSuspended,
    /// Another user of the tenant has the e-mail address.
    EmailTaken,
    /// Another user of the tenant has the external ID.
    ExternalIdTaken,
    /// Somebody signs in with this name already.
    UsernameTaken,
    /// All seats of the product are in use.
    NoSeatsLeft(ProductId),
    /// An invitation needs an e-mail address.
    NoEmail,
    /// The user has activated already: there is nothing to invite to.
    AlreadyActive,
    /// The user was never invited: there is nothing to send again.
    NotInvited,
    /// Who asks may not do this to a user of that class.
    BeyondYourRights,
    /// The address of an active user is changed by confirmation only.
    EmailNeedsConfirmation,
    /// Nobody changes their own class, roles, scope or account, nor suspends or deletes themself.
    NotYourself,
    /// An owner is demoted, suspended or deleted by support only, or by another owner where the policy says so.
    OwnerProtected,
    /// The tenant would be left without an active owner.
    LastOwner,
    /// A file makes nobody an owner who can act, nor unmakes one.
    OwnersOneByOne,
    /// The user is not suspended.
    NotSuspended,
    /// The user is not deleted.
    NotDeleted,
    /// Another one of the tenant's has the name.
    NameTaken,
    /// The user is in as many groups as one can be in.
    TooManyGroups,
    /// The tenant has as many roles as it can have.
    TooManyRoles,
    /// An owner's own address is changed by support.
    OwnEmailBySupport,
    /// It changed again and again while it was being changed.
    Busy,
    /// The user has got as many invitations today as anybody may get.
    TooManyInvitations,
    /// The tenant has sent as many invitations today as it may.
    NoInvitationsLeft,
    /// The policy fixes the address of an active user.
    EmailImmutable,
    /// The person has not activated: there is no username yet, and the address is changed by editing.
    NotActive,
    /// The person signs in to other companies by the same name.
    PersonShared,
    /// The time in which a deleted user can be restored is over.
    TooLateToRestore,
    /// There is no such account in the tenant, or it is being deleted.
    AccountNotFound,
    /// There are users in the account, or sub-accounts below it.
    AccountNotEmpty,
    /// An account beside it has the name.
    AccountNameTaken,
}

impl Refusal {
    /// Every code with its meaning, for the documentation.
    pub const CODES: &[(&str, &str)] = &[
        ("user_not_found", "There is no such user."),
        ("product_not_found", "There is no such product."),
        ("user_deleted", "The user is deleted."),
        ("user_suspended", "The user is suspended."),
        ("email_taken", "Another user has this e-mail address."),
        ("external_id_taken", "Another user has this external ID."),
        ("username_taken", "This username is taken."),
        ("no_seats_left", "No licences are left of this product."),
        (
            "no_email",
            "The user has no e-mail address to send an invitation to.",
        ),
        ("already_active", "The user has activated already."),
        ("not_invited", "The user has not been invited yet."),
        (
            "beyond_your_rights",
            "You cannot do this to a user, or give rights, beyond your own.",
        ),
        (
            "email_needs_confirmation",
            "The e-mail address of an active user changes by confirmation only.",
        ),
        (
            "not_yourself",
            "You cannot do this to yourself; ask another administrator.",
        ),
        (
            "owner_protected",
            "An owner is demoted, suspended or deleted by support only.",
        ),
        (
            "last_owner",
            "The company would be left without an active owner.",
        ),
        (
            "owners_one_by_one",
            "Who can act as an owner is decided one by one, not by a file.",
        ),
        ("not_suspended", "The user is not suspended."),
        ("not_deleted", "The user is not deleted."),
        ("name_taken", "Another one has this name."),
        ("too_many_groups", "The user is in 40 groups already."),
        (
            "too_many_roles",
            "The company has 100 roles of its own already.",
        ),
        (
            "busy",
            "It was being changed by others at the same time; try again.",
        ),
        (
            "too_many_invitations",
            "The user has got as many invitations within a day as anybody may get; try again tomorrow.",
        ),
        (
            "no_invitations_left",
            "The company has sent all the invitations that it may send today; try again tomorrow.",
        ),
        (
            "email_immutable",
            "The company's policy fixes the e-mail address of an active user.",
        ),
        (
            "not_active",
            "The person has not activated yet: there is no username to change, and the address is changed by editing.",
        ),
        (
            "person_shared",
            "The person signs in to other companies by this username; ask support to change it.",
        ),
        (
            "too_late_to_restore",
            "The user was deleted 30 days ago or more and cannot be restored.",
        ),
        ("account_not_found", "There is no such account."),
        (
            "account_not_empty",
            "There are users or sub-accounts in the account.",
        ),
        (
            "account_name_taken",
            "Another account at this place has this name.",
        ),
        (
            "own_email_by_support",
            "An owner's own e-mail address is changed by support.",
        ),
    ];

    /// The code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.parts().0
    }

    /// The sentence, for people.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.parts().1
    }

    fn parts(&self) -> (&'static str, &'static str) {
        let index = match self {
            Self::UserNotFound => 0,
            Self::ProductNotFound(_) => 1,
            Self::UserDeleted => 2,
            Self::UserSuspended => 3,
            Self::EmailTaken => 4,
            Self::ExternalIdTaken => 5,
            Self::UsernameTaken => 6,
            Self::NoSeatsLeft(_) => 7,
            Self::NoEmail => 8,
            Self::AlreadyActive => 9,
            Self::NotInvited => 10,
            Self::BeyondYourRights => 11,
            Self::EmailNeedsConfirmation => 12,
            Self::NotYourself => 13,
            Self::OwnerProtected => 14,
            Self::LastOwner => 15,
            Self::OwnersOneByOne => 16,
            Self::NotSuspended => 17,
            Self::NotDeleted => 18,
            Self::NameTaken => 19,
            Self::TooManyGroups => 20,
            Self::TooManyRoles => 21,
            Self::Busy => 22,
            Self::TooManyInvitations => 23,
            Self::NoInvitationsLeft => 24,
            Self::EmailImmutable => 25,
            Self::NotActive => 26,
            Self::PersonShared => 27,
            Self::TooLateToRestore => 28,
            Self::AccountNotFound => 29,
            Self::AccountNotEmpty => 30,
            Self::AccountNameTaken => 31,
            Self::OwnEmailBySupport => 32,
        };
        Self::CODES[index]
    }
}
