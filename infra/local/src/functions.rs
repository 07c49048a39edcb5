//! The code of every function of the template.

use muster_shared::lambda::Function;

/// All functions.
pub const ALL: &[&Function] = &[
    &accounts::FUNCTION,
    &activate::FUNCTION,
    &activate_licence::FUNCTION,
    &add_user::FUNCTION,
    &assign::FUNCTION,
    &change_email::FUNCTION,
    &audit::FUNCTION,
    &count_users::FUNCTION,
    &delete_users::FUNCTION,
    &edit_user::FUNCTION,
    &erase_users::FUNCTION,
    &expire_invitations::FUNCTION,
    &export::FUNCTION,
    &groups::FUNCTION,
    &import::FUNCTION,
    &import_chunk::FUNCTION,
    &invite::FUNCTION,
    &list_users::FUNCTION,
    &overview::FUNCTION,
    &provision::FUNCTION,
    &record_delivery::FUNCTION,
    &resend::FUNCTION,
    &reset_password::FUNCTION,
    &revoke::FUNCTION,
    &roles::FUNCTION,
    &seal_audit::FUNCTION,
    &send_mail::FUNCTION,
    &sign_in::FUNCTION,
    &start_export::FUNCTION,
    &start_import::FUNCTION,
    &support::FUNCTION,
    &tenant::FUNCTION,
];
