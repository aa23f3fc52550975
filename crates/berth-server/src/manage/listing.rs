//! Which part of a list a caller asks for: `offset` and `limit`, order and the packed `filter` of the v2 lists, `limit`
//! and `marker` of the v3 lists. Knows no list by name: each says which keys and columns it has.

use berth_oci::excerpt::shown;
use std::collections::BTreeMap;
use std::str::FromStr;

use http::{HeaderName, HeaderValue};
use utoipa::{IntoParams, ToSchema};

use super::call::Call;
use super::error::Refused;

/// Rows of a page when nobody says how many.
const LIMIT_DEFAULT: i64 = 100;
/// More rows than any list has.
const OFFSET_MAX: i64 = 1 << 32;
/// The longest page.
pub(super) const LIMIT_MAX: i64 = 1000;
/// Filters are short; what is longer is no search for a name.
const FILTER_LENGTH_MAX: usize = 2048;
/// What every v2 list takes besides its own keys; `center::self` and the like come from old clients.
const COMMON_KEYS: [&str; 5] = ["limit", "offset", "order_column", "order_type", "center"];

/// The parameters of a v2 list, as the document names them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what Listing::of reads")]
pub(crate) struct ListingParameters {
    /// Rows to skip; goes with `limit`.
    #[param(minimum = 0)]
    offset: Option<u32>,
    /// Rows to answer at most, 100 when nobody says; goes with `offset`. The header `Content-Range` then tells
    /// `offset-rows/total`.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// The column to sort by; goes with `order_type`.
    order_column: Option<String>,
    /// `asc` or `desc`; goes with `order_column`.
    order_type: Option<Direction>,
    /// All of the above and the list's own parameters in one, as `key::value|key::value`; wins over them. Names then
    /// match in part.
    filter: Option<String>,
}

/// The parameters of a page that tells how many rows there are on all pages.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what Listing::of reads")]
pub(crate) struct PageParameters {
    /// Rows to skip.
    #[param(minimum = 0)]
    offset: Option<u32>,
    /// Rows to answer at most, 100 when nobody says.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The parameters of a v3 list, as the document names them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what Marked::of reads")]
pub(crate) struct MarkedParameters {
    /// Rows to answer at most, 100 when nobody says.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page begins: what the page before called the next marker.
    marker: Option<String>,
}

/// Which way a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Direction {
    /// Smallest, oldest or first in the alphabet first.
    Asc,
    /// The other way round.
    Desc,
}

/// How a row's text is compared with what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Matching {
    /// The same text (plain parameters).
    Exact(String),
    /// The text holds it (the packed filter).
    Part(String),
}

/// A page of a v2 list.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Rows to skip.
    pub(crate) offset: i64,
    /// Rows to answer at most.
    pub(crate) limit: i64,
    /// The column and direction, when asked for.
    pub(crate) order: Option<(&'static str, Direction)>,
    filter: Option<BTreeMap<String, String>>,
    plain: BTreeMap<String, String>,
    is_paged: bool,
}

impl Listing {
    /// Reads the query of a list that has these `keys` and can be sorted by these `columns`.
    pub(crate) fn of(call: &Call, keys: &[&str], columns: &[&'static str]) -> Result<Self, Refused> {
        Self::parse(call.parts.uri.query().unwrap_or_default(), keys, columns)
    }

    fn parse(query: &str, keys: &[&str], columns: &[&'static str]) -> Result<Self, Refused> {
        let plain: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let filter = plain
            .get("filter")
            .map(|packed| unpack(packed, keys))
            .transpose()?;
        let mut listing = Self {
            offset: 0,
            limit: LIMIT_DEFAULT,
            order: None,
            filter,
            plain,
            is_paged: false,
        };
        let offset = listing
            .common("offset")
            .map(|text| whole_number("offset", text, 0, OFFSET_MAX));
        let limit = listing.common("limit").map(page_size);
        listing.is_paged = offset.is_some() && limit.is_some();
        listing.offset = offset.transpose()?.unwrap_or(0);
        listing.limit = limit.transpose()?.unwrap_or(LIMIT_DEFAULT);
        listing.order = listing.order(columns)?;
        Ok(listing)
    }

    /// What was asked for under a key, if anything.
    pub(crate) fn matching(&self, key: &str) -> Option<Matching> {
        match &self.filter {
            Some(filter) => filter.get(key).cloned().map(Matching::Part),
            None => self.plain.get(key).cloned().map(Matching::Exact),
        }
    }

    /// The value of a key that is no search.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let pairs = self.filter.as_ref().unwrap_or(&self.plain);
        pairs.get(key).map(String::as_str)
    }

    /// Whether a page was asked for, whose answer tells the total.
    pub(crate) fn is_paged(&self) -> bool {
        self.is_paged
    }

    /// The header that tells where a page of `count` rows stands among `total`, for callers that asked for a page.
    pub(crate) fn content_range(&self, count: usize, total: i64) -> Option<(HeaderName, HeaderValue)> {
        let text = format!("{}-{count}/{total}", self.offset);
        let value = HeaderValue::try_from(text).expect("numbers are plain characters");
        self.is_paged.then_some((http::header::CONTENT_RANGE, value))
    }

    /// What the filter says, or else the plain parameter.
    fn common(&self, key: &str) -> Option<&str> {
        let packed = self.filter.as_ref().and_then(|filter| filter.get(key));
        packed.or_else(|| self.plain.get(key)).map(String::as_str)
    }

    fn order(&self, columns: &[&'static str]) -> Result<Option<(&'static str, Direction)>, Refused> {
        let (asked, direction) = match (self.common("order_column"), self.common("order_type")) {
            (None, None) => return Ok(None),
            (Some(asked), Some(direction)) => (asked, direction),
            _ => {
                return Err(Refused::invalid(
                    "4001025",
                    "order_column and order_type come together",
                ));
            }
        };
        let Some(column) = columns.iter().find(|column| **column == asked) else {
            let known = columns.join(", ");
            return Err(Refused::invalid(
                "4001096",
                format!("this list is sorted by {known}, not by '{}'", shown(asked)),
            ));
        };
        let direction = match direction {
            "asc" => Direction::Asc,
            "desc" => Direction::Desc,
            _ => return Err(Refused::invalid("4001025", "order_type is asc or desc")),
        };
        Ok(Some((column, direction)))
    }
}

/// A page of a v3 list.
#[derive(Debug)]
pub(crate) struct Marked<M> {
    /// Rows to answer at most.
    pub(crate) limit: i64,
    /// Where the page begins; none for the first one.
    pub(crate) marker: Option<M>,
}

impl<M: FromStr> Marked<M> {
    /// Reads the query.
    pub(crate) fn of(call: &Call) -> Result<Self, Refused> {
        let limit = call
            .query("limit")
            .map_or(Ok(LIMIT_DEFAULT), |text| page_size(&text))?;
        let marker = call.query("marker").map(|text| text.parse()).transpose();
        let unknown = |_| {
            Refused::invalid(
                "4001025",
                "the marker is none that a page of this list ended with",
            )
        };
        Ok(Self {
            limit,
            marker: marker.map_err(unknown)?,
        })
    }
}

fn unpack(packed: &str, keys: &[&str]) -> Result<BTreeMap<String, String>, Refused> {
    let malformed = |why: String| Refused::invalid("4001035", why);
    if packed.len() > FILTER_LENGTH_MAX {
        return Err(malformed(format!(
            "a filter has at most {FILTER_LENGTH_MAX} characters"
        )));
    }
    let mut pairs = BTreeMap::new();
    for pair in packed.split('|').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once("::") else {
            return Err(malformed(format!(
                "'{}' in the filter is not of the form key::value",
                shown(pair)
            )));
        };
        if !keys.contains(&key) && !COMMON_KEYS.contains(&key) {
            return Err(malformed(format!(
                "the filter of this list does not know '{}'",
                shown(key)
            )));
        }
        if !value.is_empty() {
            pairs.insert(key.to_owned(), value.to_owned());
        }
    }
    Ok(pairs)
}

fn page_size(text: &str) -> Result<i64, Refused> {
    let refused = |_| Refused::invalid("4000056", format!("limit is a number from 1 to {LIMIT_MAX}"));
    whole_number("limit", text, 1, LIMIT_MAX).map_err(refused)
}

fn whole_number(name: &str, text: &str, least: i64, most: i64) -> Result<i64, Refused> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| Refused::invalid("4001025", format!("{name} is a number from {least} to {most}")))
}

#[cfg(test)]
mod tests;
