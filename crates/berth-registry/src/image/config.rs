//! The configuration of an image, as builders write it (image-spec "config"), with its build history beside the layers.
//! What is written otherwise is told, never guessed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What an image says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// The operating system, such as `linux`.
    pub os: Option<String>,
    /// The processor, such as `amd64`.
    pub architecture: Option<String>,
    /// The processor's variant, such as `v8`.
    pub variant: Option<String>,
    /// When it was built, as the builder wrote it.
    pub created: Option<String>,
    /// Who built it.
    pub author: Option<String>,
    /// The user that processes run as.
    pub user: Option<String>,
    /// The folder that processes start in.
    pub working_folder: Option<String>,
    /// The command's beginning.
    pub entrypoint: Vec<String>,
    /// The command's arguments, or the command.
    pub command: Vec<String>,
    /// Environment variables, `NAME=value`.
    pub environment: Vec<String>,
    /// Ports, such as `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// Folders for volumes.
    pub volumes: Vec<String>,
    /// The signal that ends it.
    pub stop_signal: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The steps of the build, oldest first.
    pub history: Vec<History>,
}

/// A step of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// When, as the builder wrote it.
    pub created: Option<String>,
    /// The command.
    pub created_by: Option<String>,
    /// Who ran it.
    pub author: Option<String>,
    /// A remark.
    pub comment: Option<String>,
    /// Whether it made no layer.
    pub is_empty_layer: bool,
    /// The number of the layer that it made, from 0; none when it made none, or history and layers do not match.
    pub layer: Option<usize>,
}

#[derive(Deserialize)]
struct Written {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    created: Option<String>,
    author: Option<String>,
    config: Option<WrittenConfig>,
    history: Option<Vec<WrittenHistory>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WrittenConfig {
    user: Option<String>,
    working_dir: Option<String>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    exposed_ports: Option<Map<String, Value>>,
    volumes: Option<Map<String, Value>>,
    stop_signal: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct WrittenHistory {
    created: Option<String>,
    created_by: Option<String>,
    author: Option<String>,
    comment: Option<String>,
    empty_layer: Option<bool>,
}

impl ImageConfig {
    /// Reads a configuration of an image with so many layers; a sentence for a person when it is none, and beside the
    /// configuration when its history does not fit the layers.
    pub(super) fn parse(bytes: &[u8], layers: usize) -> Result<(Self, Option<String>), String> {
        let written: Written = serde_json::from_slice(bytes)
            .map_err(|error| format!("the configuration is not written as an image's is: {error}"))?;
        let config = written.config.unwrap_or_default();
        let (history, remark) = aligned(written.history.unwrap_or_default(), layers);
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let keys = |map: Option<Map<String, Value>>| {
            let map = map.unwrap_or_default();
            map.into_iter().map(|(key, _)| key).collect()
        };
        let config = Self {
            os: filled(written.os),
            architecture: filled(written.architecture),
            variant: filled(written.variant),
            created: filled(written.created),
            author: filled(written.author),
            user: filled(config.user),
            working_folder: filled(config.working_dir),
            entrypoint: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            environment: config.env.unwrap_or_default(),
            exposed_ports: keys(config.exposed_ports),
            volumes: keys(config.volumes),
            stop_signal: filled(config.stop_signal),
            labels: config.labels.unwrap_or_default(),
            history,
        };
        Ok((config, remark))
    }
}

/// The steps, each that made a layer with the number of its layer.
fn aligned(written: Vec<WrittenHistory>, layers: usize) -> (Vec<History>, Option<String>) {
    let made = written
        .iter()
        .filter(|step| step.empty_layer != Some(true))
        .count();
    let matches = made == layers;
    let remark = (!matches && !written.is_empty()).then(|| {
        format!("the build history tells of {made} layers and the image has {layers}, so they are not put together")
    });
    let mut next = 0;
    let steps = written.into_iter().map(|step| {
        let is_empty_layer = step.empty_layer == Some(true);
        let layer = (matches && !is_empty_layer).then_some(next);
        next += usize::from(!is_empty_layer);
        History {
            created: step.created,
            created_by: step.created_by,
            author: step.author,
            comment: step.comment,
            is_empty_layer,
            layer,
        }
    });
    (steps.collect(), remark)
}

#[cfg(test)]
mod tests {
    use super::ImageConfig;

    #[test]
    fn a_configuration_is_read_as_builders_write_it() {
        let written = br#"{"architecture":"arm64","os":"linux","variant":"v8","created":"2026-01-02T03:04:05Z","author":"",
            "config":{"User":"app","WorkingDir":"/srv","Entrypoint":["/run"],"Cmd":null,"Env":["A=1"],
                "ExposedPorts":{"80/tcp":{}},"Volumes":{"/data":{}},"Labels":{"a":"b"},"StopSignal":"SIGTERM","Extra":1},
            "rootfs":{"type":"layers","diff_ids":[]},
            "history":[{"created_by":"ADD"},{"created_by":"ENV","empty_layer":true},{"created_by":"COPY","comment":"c"}]}"#;
        let (config, remark) = ImageConfig::parse(written, 2).unwrap();
        assert_eq!(remark, None);
        assert_eq!(
            (config.os.as_deref(), config.variant.as_deref()),
            (Some("linux"), Some("v8"))
        );
        assert_eq!((config.author, config.user.as_deref()), (None, Some("app")));
        assert_eq!(
            (config.entrypoint, config.command),
            (vec!["/run".to_owned()], Vec::new())
        );
        assert_eq!(
            (config.exposed_ports, config.volumes),
            (vec!["80/tcp".to_owned()], vec!["/data".to_owned()])
        );
        assert_eq!(config.labels["a"], "b");
        let layers: Vec<_> = config.history.iter().map(|step| step.layer).collect();
        assert_eq!(layers, [Some(0), None, Some(1)]);
    }

    #[test]
    fn what_is_missing_or_foreign_is_told() {
        let check = |written: &str, layers, expected: Result<Option<&str>, &str>| {
            let parsed = ImageConfig::parse(written.as_bytes(), layers).map(|(_, remark)| remark);
            match (parsed, expected) {
                (Ok(remark), Ok(expected)) => {
                    assert_eq!(remark.is_some(), expected.is_some(), "{written}: {remark:?}");
                    assert!(remark.unwrap_or_default().contains(expected.unwrap_or_default()));
                }
                (Err(sentence), Err(expected)) => assert!(sentence.contains(expected), "{sentence}"),
                (parsed, _) => panic!("{written}: {parsed:?}"),
            }
        };
        check("{}", 3, Ok(None));
        check(
            r#"{"history":[{}]}"#,
            2,
            Ok(Some("tells of 1 layers and the image has 2")),
        );
        check(r#"{"history":null,"config":null}"#, 2, Ok(None));
        check("[]", 0, Err("not written as an image's is"));
        check("not json", 0, Err("not written as an image's is"));
        check(
            r#"{"config":{"Labels":["a"]}}"#,
            0,
            Err("not written as an image's is"),
        );
        check("", 0, Err("not written as an image's is"));
    }
}
