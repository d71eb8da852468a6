//! Requests to the gateway's HTTP API, with its problems turned into failures that say what to do.

use std::time::Duration;

use serde::Deserialize;
use ureq::Agent;

use crate::failure::Failure;

/// A connection to the HTTP API that is kept open between requests.
pub(crate) struct Api {
    agent: Agent,
    base: String,
    token: String,
}

/// RFC 9457, as far as people need it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    code: String,
}

/// Why a request brought nothing.
pub(crate) enum ApiError {
    /// The gateway can't be reached, or the answer was lost: the same request may be sent again.
    Unreachable(String),
    /// The gateway is busy or restarting: 429 and 503.
    Busy(Option<Duration>, Failure),
    /// The gateway said no.
    Refused(Failure),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Failure {
        match error {
            ApiError::Unreachable(why) => Failure::new(why).hint(
                "is the gateway running? start one with `bowline serve --dev`, or name yours with --url",
            ),
            ApiError::Busy(_, failure) | ApiError::Refused(failure) => failure,
        }
    }
}

impl Api {
    pub(crate) fn new(base: String, token: String) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Api { agent: config.into(), base, token }
    }

    /// Sends one request; `Ok` is the body of a 2xx.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<String, ApiError> {
        let url = format!("{}{path}", self.base);
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|error| {
            ApiError::Refused(Failure::new(format!("{url} is not a usable address: {error}")))
        })?;
        let mut answer = self
            .agent
            .run(request)
            .map_err(|error| ApiError::Unreachable(format!("{method} {url}: {error}")))?;
        let status = answer.status();
        let retry_after = answer
            .headers()
            .get("retry-after")
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.parse().ok())
            .map(Duration::from_secs);
        let text = answer.body_mut().read_to_string().map_err(|error| {
            ApiError::Unreachable(format!("{method} {url}: the answer broke off: {error}"))
        })?;
        if status.is_success() {
            return Ok(text);
        }
        let problem: Problem = serde_json::from_str(&text).unwrap_or_default();
        let what = match (problem.title.as_str(), problem.detail.as_str()) {
            ("", _) => format!("{method} {path}: the gateway answered {status}"),
            (title, "") => format!("{title} ({status}, {})", problem.code),
            (title, detail) => format!("{title}: {detail} ({status}, {})", problem.code),
        };
        let mut failure = Failure::new(what);
        match status.as_u16() {
            401 => {
                failure = failure.hint(
                    "a fresh token: `bowline token --account … --scope publish`, or the right --data-dir",
                )
            }
            403 => {
                failure =
                    failure.hint("a token with the scope: `bowline token --account … --scope publish,admin`")
            }
            _ => {}
        }
        match status.as_u16() {
            429 | 503 => Err(ApiError::Busy(retry_after, failure)),
            _ => Err(ApiError::Refused(failure)),
        }
    }
}
