//! `berth image`: images and what is in them.

use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, bytes, hidden, shown};
use super::failure::Failure;
use super::names::{Image, Tagged, organization, with_query};
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List images
    #[command(after_help = "Examples:\n  berth image list\n  berth image list team --name app --limit 20")]
    List(List),
    /// Show an image, or what is in one of its tags
    #[command(after_help = "Examples:
  berth image show team/app
  berth image show team/app:v1
  berth image show team/app:v1 --platform linux/arm64")]
    Show {
        /// ORG/IMAGE or ORG/IMAGE:TAG
        image: Shown,
        /// Of several, the one for this platform
        #[arg(long, value_name = "OS/ARCHITECTURE")]
        platform: Option<String>,
    },
    /// List the platforms that a tag is for
    #[command(after_help = "Example:\n  berth image platforms team/app:v1")]
    Platforms {
        /// ORG/IMAGE:TAG
        image: Tagged,
    },
    /// List the layers of a tag, the lowest first
    #[command(after_help = "Example:\n  berth image layers team/app:v1 --platform linux/arm64")]
    Layers(Part),
    /// List the steps that built a tag, the first one first
    #[command(after_help = "Example:\n  berth image history team/app:v1")]
    History(Part),
    /// Make an image before its first push
    #[command(
        after_help = "Example:\n  berth image create team/app --category linux --description 'the shop'"
    )]
    Create {
        /// ORG/IMAGE
        image: Image,
        /// Let everybody pull it
        #[arg(long)]
        public: bool,
        #[command(flatten)]
        about: About,
    },
    /// Change an image; what is not said stays
    #[command(after_help = "Example:\n  berth image change team/app --public --description 'the shop'")]
    Change {
        /// ORG/IMAGE
        image: Image,
        /// Let everybody pull it
        #[arg(long, conflicts_with = "private")]
        public: bool,
        /// Let only those pull it who have a right
        #[arg(long)]
        private: bool,
        #[command(flatten)]
        about: About,
    },
    /// Delete an image with all its tags
    #[command(after_help = "Example:\n  berth image delete team/app --yes")]
    Delete {
        /// ORG/IMAGE
        image: Image,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which images.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Those of this organization only
    #[arg(value_parser = organization)]
    organization: Option<String>,
    /// Those whose name has this in it
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Those of this category
    #[arg(long, value_enum)]
    category: Option<Category>,
    /// At most as many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

/// What an image says of itself.
#[derive(Debug, Args)]
pub(crate) struct About {
    /// What kind of software it is
    #[arg(long, value_enum)]
    category: Option<Category>,
    /// A text for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// Something of one platform of a tag.
#[derive(Debug, Args)]
pub(crate) struct Part {
    /// ORG/IMAGE:TAG
    image: Tagged,
    /// Of several, the one for this platform
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<String>,
}

/// An image, or one of its tags.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    Whole(Image),
    Tagged(Tagged),
}

impl FromStr for Shown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(':') {
            text.parse().map(Self::Tagged)
        } else {
            text.parse().map(Self::Whole)
        }
    }
}

/// What kind of software an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Category {
    /// Servers of applications
    AppServer,
    /// Linux
    Linux,
    /// Frameworks
    FrameworkApp,
    /// Databases
    Database,
    /// Languages
    Lang,
    /// Anything else
    Other,
    /// Windows
    Windows,
    /// For ARM
    Arm,
}

impl Category {
    fn text(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

const LISTED: &[Column] = &[
    shown("organization", "/namespace_name"),
    shown("image", "/name"),
    shown("public", "/is_public"),
    shown("tags", "/num_images"),
    bytes("size", "/size"),
    shown("pulls", "/num_download"),
    hidden("category", "/category"),
    hidden("description", "/description"),
    hidden("account", "/domain_name"),
    hidden("created_at", "/created_at"),
    shown("updated_at", "/updated_at"),
];

const WHOLE: &[Column] = &[
    shown("image", "/path"),
    hidden("id", "/id"),
    shown("public", "/is_public"),
    shown("category", "/category"),
    shown("description", "/description"),
    shown("tags", "/num_images"),
    bytes("size", "/size"),
    shown("pulls", "/num_download"),
    shown("creator", "/creator_name"),
    shown("created_at", "/created"),
    shown("updated_at", "/updated"),
];

const DETAIL: &[Column] = &[
    shown("image", "/path"),
    shown("digest", "/digest"),
    shown("media_type", "/media_type"),
    bytes("size", "/size"),
    shown("platforms", "/platforms"),
    shown("created", "/image/config/created"),
    shown("pushed_at", "/updated"),
    shown("author", "/image/config/author"),
    shown("user", "/image/config/user"),
    shown("working_dir", "/image/config/working_dir"),
    shown("entrypoint", "/image/config/entrypoint"),
    shown("command", "/image/config/cmd"),
    shown("environment", "/image/config/env"),
    shown("ports", "/image/config/exposed_ports"),
    shown("volumes", "/image/config/volumes"),
    shown("labels", "/image/config/labels"),
    hidden("config_digest", "/image/config_digest"),
    hidden("annotations", "/annotations"),
    hidden("layers", "/image/layers"),
    hidden("history", "/image/history"),
    shown("remarks", "/remarks"),
    shown("pull", "/pull_commands/docker"),
    hidden("pull_commands", "/pull_commands"),
];

const PLATFORMS: &[Column] = &[
    shown("platform", "/platform"),
    shown("present", "/present"),
    bytes("size", "/size"),
    shown("digest", "/digest"),
    hidden("media_type", "/media_type"),
];

const LAYERS: &[Column] = &[
    shown("digest", "/digest"),
    bytes("size", "/size"),
    shown("media_type", "/media_type"),
];

const HISTORY: &[Column] = &[
    shown("created", "/created"),
    bytes("size", "/size"),
    shown("step", "/created_by"),
    hidden("comment", "/comment"),
    hidden("digest", "/digest"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List(wanted) => list(server, &wanted).await,
        Verb::Show { image, platform } => match image {
            Shown::Whole(image) => show(server, &image).await,
            Shown::Tagged(tagged) => {
                let part = Part {
                    image: tagged,
                    platform,
                };
                Ok(answer::one(DETAIL, &detail(server, &part).await?))
            }
        },
        Verb::Platforms { image } => {
            let part = Part {
                image,
                platform: None,
            };
            Ok(rows(PLATFORMS, &detail(server, &part).await?["images"]))
        }
        Verb::Layers(part) => Ok(rows(LAYERS, &detail(server, &part).await?["image"]["layers"])),
        Verb::History(part) => Ok(rows(HISTORY, &detail(server, &part).await?["image"]["history"])),
        Verb::Create { image, public, about } => {
            let mut body = json!({ "repository": image.name, "is_public": public });
            about.describe(&mut body);
            let target = image.organization_path(&["repos"]);
            server.send(Method::POST, &target, Some(&body)).await?;
            show(server, &image).await
        }
        Verb::Change {
            image,
            public,
            private,
            about,
        } => {
            let before = server.get(&image.path(&[])).await?;
            let is_public = public || (!private && before["is_public"] == true);
            let mut body = json!({ "is_public": is_public });
            about.describe(&mut body);
            server.send(Method::PATCH, &image.path(&[]), Some(&body)).await?;
            show(server, &image).await
        }
        Verb::Delete { image, yes } => {
            confirm(&format!("Delete the image {image} with all its tags"), yes)?;
            server.send(Method::DELETE, &image.path(&[]), None).await?;
            Ok(Table::one(
                &["image", "deleted"],
                [json!(image.to_string()), json!(true)],
            ))
        }
    }
}

impl About {
    /// What was said; the rest stays as it is.
    fn describe(self, body: &mut Value) {
        if let Some(category) = self.category {
            body["category"] = json!(category.text());
        }
        if let Some(description) = self.description {
            body["description"] = json!(description);
        }
    }
}

async fn list(server: &Server, wanted: &List) -> Result<Table, Failure> {
    let organization = wanted.organization.as_deref().unwrap_or_default();
    let category = wanted.category.map(Category::text).unwrap_or_default();
    let Some(name) = &wanted.name else {
        let query = [("namespace", organization), ("category", &category)];
        let rows = server
            .marked_rows("/v3/manage/repos", &query, "repos", wanted.limit)
            .await?;
        return Ok(answer::list(LISTED, &rows));
    };
    // Only this list finds parts of names; of organizations too, which is not wanted.
    let filter = [
        ("namespace", organization),
        ("name", name),
        ("category", &category),
    ];
    let mut rows = server.counted_rows("/v2/manage/repos", &filter, "", None).await?;
    rows.retain(|row| organization.is_empty() || row["namespace"] == organization);
    rows.truncate(wanted.limit.unwrap_or(usize::MAX));
    for row in &mut rows {
        row["namespace_name"] = row["namespace"].take();
    }
    Ok(answer::list(LISTED, &rows))
}

async fn show(server: &Server, image: &Image) -> Result<Table, Failure> {
    Ok(answer::one(WHOLE, &server.get(&image.path(&[])).await?))
}

async fn detail(server: &Server, part: &Part) -> Result<Value, Failure> {
    let Tagged { image, tag } = &part.image;
    let path = image.path(&["tags", tag, "detail"]);
    let query = [("platform", part.platform.as_deref().unwrap_or_default())];
    let mut found = server.get(&with_query(&path, &query)).await?;
    let images = found["images"].as_array().into_iter().flatten();
    let platforms: Vec<Value> = images.map(|image| image["platform"].clone()).collect();
    found["platforms"] = json!(platforms);
    Ok(found)
}

fn rows(columns: &[Column], found: &Value) -> Table {
    answer::list(columns, found.as_array().map(Vec::as_slice).unwrap_or_default())
}
