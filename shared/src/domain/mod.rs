//! What Muster knows about its field: types that cannot hold nonsense and rules that take `now`.
//! No AWS, no HTTP, no async here.

pub mod account;
pub mod audit;
pub mod directory;
pub mod edit;
pub mod email;
pub mod email_change;
pub mod export;
pub mod field;
pub mod group;
pub mod id;
pub mod import;
pub mod importing;
pub mod invitation;
pub mod leaving;
pub mod letter;
pub mod licence;
pub mod link;
pub mod overview;
pub mod password;
pub mod permission;
pub mod person;
pub mod personal;
pub mod phone;
pub mod powers;
pub mod rate;
pub mod refusal;
pub mod seal;
pub mod session;
pub mod tenant;
pub mod text;
pub mod throttle;
pub mod trace;
pub mod user;
pub mod vat;
