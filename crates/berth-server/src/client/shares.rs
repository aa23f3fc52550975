//! `berth share`: images that people of other accounts may pull.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;
use time::Date;
use time::macros::format_description;

use super::answer::{self, Column, bytes, hidden, shown};
use super::failure::{Failure, Refusal};
use super::names::Image;
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Let an account pull an image
    #[command(after_help = "Examples:
  berth share create team/app partner --until 2027-01-31
  berth share create team/app partner --until forever --description 'for their tests'")]
    Create(Share),
    /// List the accounts that an image is shared with
    #[command(after_help = "Example:\n  berth share list team/app")]
    List {
        /// ORG/IMAGE
        image: Image,
    },
    /// Show how an image is shared with an account
    #[command(after_help = "Example:\n  berth share show team/app partner")]
    Show {
        /// ORG/IMAGE
        image: Image,
        /// The account
        account: String,
    },
    /// Change how long an image is shared
    #[command(after_help = "Example:\n  berth share change team/app partner --until forever")]
    Change(Share),
    /// Let an account pull an image no longer
    #[command(after_help = "Example:\n  berth share delete team/app partner --yes")]
    Delete {
        /// ORG/IMAGE
        image: Image,
        /// The account
        account: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the images that other accounts share with yours
    #[command(after_help = "Example:\n  berth share received")]
    Received(Page),
    /// List the images that your account shares
    #[command(after_help = "Example:\n  berth share given")]
    Given(Page),
}

#[derive(Debug, Args)]
pub(crate) struct Share {
    /// ORG/IMAGE
    image: Image,
    /// The account
    account: String,
    /// The last day of it, YYYY-MM-DD, or `forever`
    #[arg(long, value_name = "DAY", value_parser = deadline)]
    until: String,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
}

#[derive(Debug, Args)]
pub(crate) struct Page {
    /// At most as many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

/// A day as the API takes it.
fn deadline(text: &str) -> Result<String, String> {
    if text == "forever" {
        return Ok(text.to_owned());
    }
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    let day = day.map_err(|_| "a day is written YYYY-MM-DD; `forever` is for no end".to_owned())?;
    Ok(format!("{day}T00:00:00Z"))
}

const COLUMNS: &[Column] = &[
    shown("account", "/access_domain"),
    shown("until", "/deadline"),
    shown("valid", "/status"),
    hidden("right", "/permit"),
    shown("description", "/description"),
    shown("creator", "/creator_name"),
    hidden("created_at", "/created"),
    hidden("updated_at", "/updated"),
];

const IMAGE_COLUMNS: &[Column] = &[
    shown("account", "/domain_name"),
    shown("organization", "/namespace_name"),
    shown("image", "/name"),
    shown("valid", "/status"),
    shown("tags", "/num_images"),
    bytes("size", "/size"),
    shown("updated_at", "/updated_at"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::Create(share) => {
            let mut body = share.document();
            body["access_domain"] = json!(share.account);
            let target = domains(&share.image, &[]);
            server.send(Method::POST, &target, Some(&body)).await?;
            show(server, &share.image, &share.account).await
        }
        Verb::List { image } => {
            let found = server.list(&domains(&image, &[])).await?;
            Ok(answer::list(COLUMNS, &found))
        }
        Verb::Show { image, account } => show(server, &image, &account).await,
        Verb::Change(share) => {
            let target = domains(&share.image, &[&share.account]);
            server
                .send(Method::PATCH, &target, Some(&share.document()))
                .await?;
            show(server, &share.image, &share.account).await
        }
        Verb::Delete { image, account, yes } => {
            confirm(&format!("Share {image} with {account} no longer"), yes)?;
            let target = domains(&image, &[&account]);
            server.send(Method::DELETE, &target, None).await?;
            let row = [json!(image.to_string()), json!(account), json!(true)];
            Ok(Table::one(&["image", "account", "deleted"], row))
        }
        Verb::Received(page) => shared(server, "thirdparty", page.limit).await,
        Verb::Given(page) => shared(server, "self", page.limit).await,
    }
}

impl Share {
    fn document(&self) -> serde_json::Value {
        json!({ "permit": "read", "deadline": self.until, "description": self.description })
    }
}

fn domains(image: &Image, below: &[&str]) -> String {
    let below = [&["access-domains"], below].concat();
    image.path_of("v2", "repositories", &below)
}

async fn show(server: &Server, image: &Image, account: &str) -> Result<Table, Failure> {
    let found = server.get(&domains(image, &[account])).await?;
    if found["exist"] == false {
        let message = format!("{image} is not shared with {account}");
        return Err(Failure::Refused(Refusal::absent(&message)));
    }
    Ok(answer::one(COLUMNS, &found))
}

async fn shared(server: &Server, by: &str, limit: Option<usize>) -> Result<Table, Failure> {
    let query = [("shared_by", by)];
    let rows = server
        .marked_rows("/v3/manage/shared-repositories", &query, "repos", limit)
        .await?;
    Ok(answer::list(IMAGE_COLUMNS, &rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(deadline("forever").as_deref(), Ok("forever"));
        assert_eq!(deadline("2027-01-31").as_deref(), Ok("2027-01-31T00:00:00Z"));
        for bad in [
            "",
            "2027-02-30",
            "31.1.2027",
            "tomorrow",
            "2027-1-1",
            "99999-01-01",
        ] {
            assert!(deadline(bad).is_err(), "{bad}");
        }
    }
}
