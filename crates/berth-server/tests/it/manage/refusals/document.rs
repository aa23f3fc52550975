//! The operations that the server's document names, and where their things are.

use http::Method;
use serde_json::Value;

use crate::installation::Installation;

/// An operation of the document.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: Method,
    path: String,
    document: Value,
}

/// What the server's document says.
pub(crate) async fn operations(installation: &Installation) -> Vec<Operation> {
    let document = installation.get("/openapi.json", "").await.json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                document: operation.clone(),
            });
        }
    }
    operations
}

impl Operation {
    /// The refusals that are promised. Nobody being logged in is another test's, for all operations at once.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let statuses = self.document["responses"].as_object().unwrap().keys();
        let refusals = statuses.filter(|status| status.starts_with('4') && *status != "401");
        refusals.cloned().collect()
    }

    pub(crate) fn is_iam(&self) -> bool {
        self.document["tags"][0] == "iam"
    }

    pub(crate) fn has_body(&self) -> bool {
        self.document["requestBody"].is_object()
    }

    /// The names of its parameters in `path`, `query` or `header`.
    pub(crate) fn parameters(&self, place: &str) -> Vec<&str> {
        let all = self.document["parameters"].as_array().into_iter().flatten();
        let there = all.filter(|parameter| parameter["in"] == place);
        there
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect()
    }

    /// The path with a value for each name in braces.
    pub(crate) fn at(&self, value: impl Fn(&str) -> String) -> String {
        let parts = self.path.split('/').map(|part| {
            let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            name.map_or_else(|| part.to_owned(), &value)
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// The query that the operation cannot do without.
    pub(crate) fn needed_query(&self) -> &'static str {
        match self.id.as_str() {
            "list_shared_repos_details" => "center=self",
            "list_shared_repo_details" => "shared_by=self",
            "show_sync_job" => "filter=limit::1|offset::0",
            "search" => "q=app",
            "send_archive_chunk" => "offset=0",
            "show_image_file" | "download_image_file" => "path=etc/passwd",
            "list_tag_layers" => "tags=v1",
            _ => "",
        }
    }
}

/// A path and its query, if there is one.
pub(crate) fn target(path: String, query: &str) -> String {
    if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    }
}
