//! The local stack: every function on one machine, wired by `infra/template.yaml`, against embedded stand-ins.

mod bus;
mod cloudformation;
mod console;
mod contexts;
mod data_dir;
mod demo;
mod dynamodb;
mod environment;
pub mod functions;
mod gateway;
mod iam;
mod inbox;
mod invoke;
mod local_api;
mod pattern;
mod problem;
mod processes;
mod queue;
mod runtime_api;
mod s3;
mod schedule;
mod secrets;
mod services;
mod ses;
mod ses_event;
mod stack;
mod stream;
mod template;

pub use data_dir::DataDirError;
pub use demo::{Demo, DemoError};
pub use environment::Environment;
pub use iam::{OPERATOR, Review, Roles, credentials};
pub use inbox::{Inbox, Mail};
pub use invoke::InvocationError;
pub use queue::DeadLetter;
pub use stack::{Options, Spawn, Stack, StackError, grants, routes, start};
