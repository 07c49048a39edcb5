//! Who is calling: access tokens, links, and the caller that handlers work for.

pub mod caller;
pub mod token;

pub use caller::Caller;
