//! A [`Remote`](crate::Remote) before a server that answers what a test says, honest or not.

mod auth;
mod guard;
mod pull;
mod push;

mod server;
