//! Why something asked for is not done: every refusal, with its stable code, in one place.

use super::id::{ProductId, Seed};

/// Declares the refusals: the variant, its code for programs and its sentence for people.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $(($of:ty))?, $code:literal, $message:literal;)*) => {
        /// Why one item of a request, or one row of a file, is not done. Not an error: the rules of the field said no.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Refusal {
            $($(#[$doc])* $name $(($of))?,)*
        }

        impl Refusal {
            /// Every refusal, for the documentation.
            #[must_use]
            pub fn all() -> Vec<Self> {
                vec![$(Self::$name $((<$of>::derive(&Seed::of(&[]))))?),*]
            }

            /// The code, for programs.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
            }

            /// The sentence, for people.
            #[must_use]
            pub fn message(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $message,)*
                }
            }
        }
    };
}

refusals! {
    /// There is no such user in the tenant.
    UserNotFound, "user_not_found", "There is no such user.";
    /// There is no such product in the tenant.
    ProductNotFound(ProductId), "product_not_found", "There is no such product.";
    /// The user is deleted.
    UserDeleted, "user_deleted", "The user is deleted.";
    /// The user is suspended.
    UserSuspended, "user_suspended", "The user is suspended.";
    /// Another user of the tenant has the e-mail address.
    EmailTaken, "email_taken", "Another user has this e-mail address.";
    /// Another user of the tenant has the external ID.
    ExternalIdTaken, "external_id_taken", "Another user has this external ID.";
    /// Somebody signs in with this name already.
    UsernameTaken, "username_taken", "This username is taken.";
    /// All seats of the product are in use.
    NoSeatsLeft(ProductId), "no_seats_left", "No licences are left of this product.";
    /// An invitation needs an e-mail address.
    NoEmail, "no_email", "The user has no e-mail address to send an invitation to.";
    /// The user has activated already: there is nothing to invite to.
    AlreadyActive, "already_active", "The user has activated already.";
    /// The user was never invited: there is nothing to send again.
    NotInvited, "not_invited", "The user has not been invited yet.";
    /// Who asks may not do this to a user of that class.
    BeyondYourRights, "beyond_your_rights", "You cannot do this to a user, or give rights, beyond your own.";
    /// The address of an active user is changed by confirmation only.
    EmailNeedsConfirmation, "email_needs_confirmation", "The e-mail address of an active user changes by confirmation only.";
    /// Nobody changes their own class, roles, scope or account, nor suspends or deletes themself.
    NotYourself, "not_yourself", "You cannot do this to yourself; ask another administrator.";
    /// An owner is demoted, suspended or deleted by support only, or by another owner where the policy says so.
    OwnerProtected, "owner_protected", "An owner is demoted, suspended or deleted by support only.";
    /// The tenant would be left without an active owner.
    LastOwner, "last_owner", "The company would be left without an active owner.";
    /// A file makes nobody an owner who can act, nor unmakes one.
    OwnersOneByOne, "owners_one_by_one", "Who can act as an owner is decided one by one, not by a file.";
    /// The user is not suspended.
    NotSuspended, "not_suspended", "The user is not suspended.";
    /// The user is not deleted.
    NotDeleted, "not_deleted", "The user is not deleted.";
    /// Another one of the tenant's has the name.
    NameTaken, "name_taken", "Another one has this name.";
    /// The user is in as many groups as one can be in.
    TooManyGroups, "too_many_groups", "The user is in 40 groups already.";
    /// The tenant has as many roles as it can have.
    TooManyRoles, "too_many_roles", "The company has 100 roles of its own already.";
    /// An owner's own address is changed by support.
    OwnEmailBySupport, "own_email_by_support", "An owner's own e-mail address is changed by support.";
    /// It changed again and again while it was being changed.
    Busy, "busy", "It was being changed by others at the same time; try again.";
    /// The user has got as many invitations today as anybody may get.
    TooManyInvitations, "too_many_invitations", "The user has got as many invitations within a day as anybody may get; try again tomorrow.";
    /// The tenant has sent as many invitations today as it may.
    NoInvitationsLeft, "no_invitations_left", "The company has sent all the invitations that it may send today; try again tomorrow.";
    /// The policy fixes the address of an active user.
    EmailImmutable, "email_immutable", "The company's policy fixes the e-mail address of an active user.";
    /// The person has not activated: there is no username yet, and the address is changed by editing.
    NotActive, "not_active", "The person has not activated yet: there is no username to change, and the address is changed by editing.";
    /// The person signs in to other companies by the same name.
    PersonShared, "person_shared", "The person signs in to other companies by this username; ask support to change it.";
    /// The time in which a deleted user can be restored is over.
    TooLateToRestore, "too_late_to_restore", "The user was deleted 30 days ago or more and cannot be restored.";
    /// There is no such account in the tenant, or it is being deleted.
    AccountNotFound, "account_not_found", "There is no such account.";
    /// There are users in the account, or sub-accounts below it.
    AccountNotEmpty, "account_not_empty", "There are users or sub-accounts in the account.";
    /// An account beside it has the name.
    AccountNameTaken, "account_name_taken", "Another account at this place has this name.";
}
