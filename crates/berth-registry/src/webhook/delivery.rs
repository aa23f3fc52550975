//! One attempt to tell a webhook's receiver, and what follows from it: nothing, another one later, or none any more.

use std::time::{Duration, Instant};

use berth_metadata::{AttemptFollows, BegunDelivery, Conflict, DeliveryAttempt, Job, Webhook, WebhookTask};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use reqwest::Url;

use super::event;
use super::secret::Secret;
use crate::account::new_id;
use crate::clock::now_ms;
use crate::jobs::JobEnd;
use crate::outbound::{OutboundClass, OutboundRefusal};
use crate::{Error, Registry};

/// The waits between attempts, which are one more: about a day in all. Each is made up to a fifth longer or shorter, so
/// that what failed together does not come back together.
const WAITS: [Duration; 10] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
    Duration::from_hours(6),
    Duration::from_hours(10),
];
/// The longest that a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(6);

/// What came of sending something.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// The status that the receiver answered with.
    pub(super) status: Option<StatusCode>,
    /// What went wrong, in a sentence; empty when nothing did.
    pub(super) error: String,
    /// Until the answer's head was there.
    pub(super) took: Duration,
    /// How long the receiver wants to be left alone.
    retry_after: Option<Duration>,
    /// Whether trying again is of no use.
    is_final: bool,
}

impl Registry {
    /// Makes a delivery, or an attempt to.
    pub(crate) async fn run_webhook_job(&self, job: &Job) -> Result<JobEnd, Error> {
        let run_id = job.subject;
        let Some(task) = self.metadata.webhook_task(run_id).await? else {
            return Ok(JobEnd::Done);
        };
        let Some(begun) = self.begun(run_id, &task).await? else {
            return Ok(JobEnd::Done);
        };
        if begun.status != "waiting" {
            return Ok(JobEnd::Done);
        }
        let sent = if task.enabled {
            self.send(&task.webhook, &begun.uid, &begun.body).await?
        } else {
            Sent::never("the trigger was switched off before it was delivered")
        };
        let tried = begun.attempts - begun.forgiven;
        let wait = (!sent.error.is_empty() && !sent.is_final)
            .then(|| wait_after(tried, sent.retry_after))
            .flatten();
        let now = now_ms();
        let follows = match wait {
            _ if sent.error.is_empty() => AttemptFollows::Delivered,
            Some(wait) => AttemptFollows::Again(now.saturating_add(milliseconds(wait))),
            None => AttemptFollows::Dead,
        };
        let switches_off = sent.status == Some(StatusCode::GONE);
        self.metadata
            .note_attempt(DeliveryAttempt {
                run_id,
                response_status: sent.status.map(|status| i64::from(status.as_u16())),
                error: sent.error,
                took_ms: milliseconds(sent.took),
                follows,
                switches_off,
                now,
            })
            .await?;
        Ok(wait.map_or(JobEnd::Done, |after| JobEnd::Again { after, pause: None }))
    }

    /// What is sent, the same at every attempt; none when the run went.
    async fn begun(&self, run_id: i64, task: &WebhookTask) -> Result<Option<BegunDelivery>, Error> {
        if let Some(begun) = &task.begun {
            return Ok(Some(begun.clone()));
        }
        let uid = format!("evt_{}", new_id());
        let body = event::body(&event::Told::of(task), &uid, self.image_host())?;
        match self.metadata.begin_delivery(run_id, &uid, &body).await {
            Ok(begun) => Ok(Some(begun)),
            Err(berth_metadata::Error::Conflict(Conflict::Changed)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a signed body, and waits for no more than the head of the answer.
    pub(super) async fn send(&self, webhook: &Webhook, id: &str, body: &str) -> Result<Sent, Error> {
        let Ok(url) = webhook.url.parse::<Url>() else {
            return Ok(Sent::never("its address cannot be read"));
        };
        if let Err(refusal) = self.outbound().check_url(OutboundClass::Public, &url) {
            return Ok(Sent::never(&refusal.to_string()));
        }
        let timestamp = now_ms().div_euclid(1000);
        let request = self
            .outbound()
            .client(OutboundClass::Public)?
            .post(url)
            .header(CONTENT_TYPE, event::CONTENT_TYPE)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header(
                "webhook-signature",
                self.signatures(webhook, id, timestamp, body)?,
            )
            .body(body.to_owned());
        let begun_at = Instant::now();
        let answered = request.send().await;
        let took = begun_at.elapsed();
        Ok(match answered {
            Ok(response) => Sent::answered(response.status(), response.headers(), took),
            Err(error) => Sent::failed(&error, took),
        })
    }

    /// One signature for each secret that is in force.
    fn signatures(&self, webhook: &Webhook, id: &str, timestamp: i64, body: &str) -> Result<String, Error> {
        let former = webhook.former.as_ref();
        let former = former
            .filter(|(_, until)| *until > now_ms())
            .map(|(sealed, _)| sealed);
        let sealed = std::iter::once(&webhook.secret_encrypted).chain(former);
        let signed = sealed.map(|sealed| {
            let secret = self.master_key().open(&super::context(&webhook.uid), sealed)?;
            Ok(Secret::of_bytes(secret).sign(id, timestamp, body))
        });
        Ok(signed.collect::<Result<Vec<_>, Error>>()?.join(" "))
    }
}

impl Sent {
    fn never(why: &str) -> Self {
        Self {
            status: None,
            error: why.to_owned(),
            took: Duration::ZERO,
            retry_after: None,
            is_final: true,
        }
    }

    fn answered(status: StatusCode, headers: &HeaderMap, took: Duration) -> Self {
        let error = match status {
            _ if status.is_success() => String::new(),
            StatusCode::GONE => {
                "the receiver answered 410: it wants to hear no more, so the trigger was switched off"
                    .to_owned()
            }
            _ if status.is_redirection() => {
                format!(
                    "the receiver answered {status}: redirects are not followed, give the address that they lead to"
                )
            }
            _ => format!("the receiver answered {status}"),
        };
        Self {
            status: Some(status),
            error,
            took,
            retry_after: retry_after(headers),
            is_final: status == StatusCode::GONE,
        }
    }

    fn failed(error: &reqwest::Error, took: Duration) -> Self {
        let refusal = OutboundRefusal::of(error);
        let text = match refusal {
            Some(refusal) => refusal.to_string(),
            None if error.is_timeout() => "the receiver did not answer in time".to_owned(),
            None => innermost(error),
        };
        Self {
            status: None,
            error: text,
            took,
            retry_after: None,
            is_final: refusal.is_some_and(|refusal| !refusal.is_unresolved()),
        }
    }
}

/// What broke, without the address, which may hold a secret.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let what = if error.is_connect() {
        "the receiver cannot be reached"
    } else {
        "the receiver broke off"
    };
    if std::ptr::addr_eq(cause, std::ptr::from_ref(error)) {
        what.to_owned()
    } else {
        format!("{what}: {cause}")
    }
}

/// How long to wait after that many attempts before the one that failed; none when it was the last.
fn wait_after(tried: i64, retry_after: Option<Duration>) -> Option<Duration> {
    let wait = WAITS.get(usize::try_from(tried).ok()?)?;
    let jitter = rand::random_range(0.8..=1.2);
    let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    Some(wait.mul_f64(jitter).max(asked))
}

/// The header, when it holds seconds or a time.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let format = &time::format_description::well_known::Rfc2822;
    let until = time::OffsetDateTime::parse(&text.replace("GMT", "+0000"), format).ok()?;
    let wait = until
        .unix_timestamp()
        .saturating_mul(1000)
        .saturating_sub(now_ms());
    u64::try_from(wait).ok().map(Duration::from_millis)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue};

    use super::{RETRY_AFTER_MAX, WAITS, retry_after, wait_after};

    #[test]
    fn waits_grow_over_about_a_day_and_end() {
        let whole: Duration = WAITS.iter().sum();
        assert!((Duration::from_hours(22)..Duration::from_hours(26)).contains(&whole));
        assert!(WAITS.is_sorted());
        for (tried, wait) in WAITS.iter().enumerate() {
            let found = wait_after(i64::try_from(tried).unwrap(), None).unwrap();
            assert!(
                (wait.mul_f64(0.8)..=wait.mul_f64(1.2)).contains(&found),
                "{tried}"
            );
        }
        assert_eq!(wait_after(10, None), None);
        assert_eq!(wait_after(10, Some(Duration::from_secs(1))), None);
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_wait_within_bounds() {
        let after = |seconds| wait_after(0, Some(Duration::from_secs(seconds))).unwrap();
        assert!(after(1) > Duration::from_secs(1));
        assert_eq!(after(100), Duration::from_secs(100));
        assert_eq!(after(10_000_000), RETRY_AFTER_MAX);
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_as_a_time() {
        for (text, at_least, at_most) in [
            ("120", Some(120), 120),
            ("Fri, 31 Dec 2100 23:59:59 GMT", Some(1_000_000_000), u64::MAX),
            ("Wed, 21 Oct 2015 07:28:00 GMT", None, 0),
            ("soon", None, 0),
            ("-5", None, 0),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", HeaderValue::from_static(text));
            let found = retry_after(&headers).map(|wait| wait.as_secs());
            match at_least {
                None => assert_eq!(found, None, "{text}"),
                Some(least) => assert!((least..=at_most).contains(&found.unwrap()), "{text}"),
            }
        }
    }
}
