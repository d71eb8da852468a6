//! Every error of the HTTP API: a problem document (RFC 9457) with a stable `code`, and what to do in `detail`.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem_code::ProblemCode;

/// An error as its client gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    code: ProblemCode,
    detail: Cow<'static, str>,
    /// In seconds.
    retry_after: Option<u32>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
}

impl Problem {
    /// A problem with its stable code; `detail` says what to do.
    pub(crate) fn new(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { code, detail: detail.into(), retry_after: None }
    }

    /// The same, and when to try again.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn draining() -> Problem {
        let detail = "this gateway is shutting down; connect again, another one will answer";
        Problem::new(ProblemCode::Draining, detail).retry_after(1)
    }

    pub(crate) fn no_such_path(path: &str) -> Problem {
        let path: String = path.chars().take(100).collect();
        Problem::new(ProblemCode::UnknownPath, format!("nothing is served at {path:?}"))
    }

    pub(crate) fn bad_origin() -> Problem {
        let detail = "pages of this origin may not use the gateway; add it to `allowed_origins`";
        Problem::new(ProblemCode::OriginNotAllowed, detail)
    }

    pub(crate) fn upgrade_required() -> Problem {
        let detail = "this path is a WebSocket: send `Upgrade: websocket`";
        Problem::new(ProblemCode::UpgradeRequired, detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(ProblemCode::Unauthorized, detail)
    }

    pub(crate) fn missing_scope(scope: &str) -> Problem {
        let detail = format!("this needs a token with the scope `{scope}`");
        Problem::new(ProblemCode::MissingScope, detail)
    }

    pub(crate) fn forbidden() -> Problem {
        let detail = "this account has no right to that topic; it needs a grant or a token that claims it";
        Problem::new(ProblemCode::Forbidden, detail)
    }

    pub(crate) fn too_large(detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(ProblemCode::TooLarge, detail)
    }

    pub(crate) fn invalid_topic(topic: &str, why: impl std::fmt::Display) -> Problem {
        let topic: String = topic.chars().take(100).collect();
        Problem::new(ProblemCode::InvalidTopic, format!("{topic:?}: {why}"))
    }

    pub(crate) fn status(&self) -> u16 {
        self.code.status().as_u16()
    }

    /// The document.
    pub(crate) fn body(&self) -> String {
        let document = Document {
            r#type: format!("urn:bowline:problem:{}", self.code.as_str()),
            title: self.title(),
            status: self.status(),
            code: self.code.as_str(),
            detail: &self.detail,
        };
        serde_json::to_string(&document).expect("texts and numbers are JSON")
    }

    /// The whole answer as HTTP/1.1 bytes, for a request that hyper has not seen.
    pub(crate) fn to_http1(&self) -> Vec<u8> {
        let body = self.body();
        let mut out = String::with_capacity(256 + body.len());
        let (status, title, length) = (self.status(), self.title(), body.len());
        write!(out, "HTTP/1.1 {status} {title}\r\nContent-Type: {CONTENT_TYPE}\r\nConnection: close\r\n")
            .and_then(|()| match self.retry_after {
                Some(seconds) => write!(out, "Retry-After: {seconds}\r\n"),
                None => Ok(()),
            })
            // A server that refuses a version says which ones it takes (RFC 6455, section 4.2.2).
            .and_then(|()| match self.code {
                ProblemCode::UpgradeRequired => {
                    write!(out, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
                }
                _ => Ok(()),
            })
            .and_then(|()| write!(out, "Content-Length: {length}\r\n\r\n{body}"))
            .expect("writing into a String does not fail");
        out.into_bytes()
    }

    fn title(&self) -> &'static str {
        self.code.status().canonical_reason().unwrap_or("Error")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.code.status(), self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == ProblemCode::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.code == ProblemCode::UpgradeRequired {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        }
        response
    }
}

const CONTENT_TYPE: &str = "application/problem+json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_for_an_unseen_request_are_a_whole_answer() {
        let text = String::from_utf8(Problem::draining().to_http1()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        assert!(head.contains("Retry-After: 1"));
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        let document: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(document["code"], "draining");
        assert_eq!(document["type"], "urn:bowline:problem:draining");
    }
}
