//! Every error of the HTTP API: a problem document (RFC 9457) with a stable `code`, and what to do in `detail`.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error as its client gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
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
    /// A problem with its stable `code`; `detail` says what to do.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Problem {
        Problem { status, code, detail: detail.into(), retry_after: None }
    }

    /// The same, and when to try again.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn draining() -> Problem {
        let detail = "this gateway is shutting down; connect again, another one will answer";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", detail).retry_after(1)
    }

    pub(crate) fn no_such_path(path: &str) -> Problem {
        let path: String = path.chars().take(100).collect();
        Problem::new(StatusCode::NOT_FOUND, "unknown_path", format!("nothing is served at {path:?}"))
    }

    pub(crate) fn bad_origin() -> Problem {
        let detail = "pages of this origin may not use the gateway; add it to `allowed_origins`";
        Problem::new(StatusCode::FORBIDDEN, "origin_not_allowed", detail)
    }

    pub(crate) fn upgrade_required() -> Problem {
        let detail = "this path is a WebSocket: send `Upgrade: websocket`";
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub(crate) fn missing_scope(scope: &str) -> Problem {
        let detail = format!("this needs a token with the scope `{scope}`");
        Problem::new(StatusCode::FORBIDDEN, "missing_scope", detail)
    }

    pub(crate) fn forbidden() -> Problem {
        let detail = "this account has no right to that topic; it needs a grant or a token that claims it";
        Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(crate) fn too_large(detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    pub(crate) fn invalid_topic(topic: &str, why: impl std::fmt::Display) -> Problem {
        let topic: String = topic.chars().take(100).collect();
        Problem::bad_request("invalid_topic", format!("{topic:?}: {why}"))
    }

    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The document.
    pub(crate) fn body(&self) -> String {
        let document = Document {
            r#type: format!("urn:bowline:problem:{}", self.code),
            title: self.title(),
            status: self.status(),
            code: self.code,
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
            .and_then(|()| write!(out, "Content-Length: {length}\r\n"))
            .and_then(|()| match self.retry_after {
                Some(seconds) => write!(out, "Retry-After: {seconds}\r\n"),
                None => Ok(()),
            })
            .and_then(|()| write!(out, "\r\n{body}"))
            .expect("writing into a String does not fail");
        out.into_bytes()
    }

    fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
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
        assert!(
            head.ends_with(&format!("Content-Length: {}", body.len())) || head.contains("Content-Length")
        );
        let document: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(document["code"], "draining");
        assert_eq!(document["type"], "urn:bowline:problem:draining");
    }
}
