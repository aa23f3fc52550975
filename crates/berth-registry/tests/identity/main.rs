//! Who is calling: every login form, every refusal, tokens, signed requests and the first start, over a real store.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod first_start;
mod harness;
mod iam_tokens;
mod logins;
mod organizations;
mod people;
mod sessions;
mod signatures;
mod tokens;
