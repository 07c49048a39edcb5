//! Mail: letters become subject, text and HTML here.

mod clean;
mod render;

pub use render::{AppLink, Invitation, Letter, Product, RenderError, Rendered};
