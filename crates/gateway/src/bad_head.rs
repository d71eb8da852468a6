//! Which heads of requests can't be served, and what they are answered.

use crate::problem::Problem;
use crate::problem_code::ProblemCode;
use crate::ws::BadUpgrade;

/// Why a head can't be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHead {
    /// Not HTTP/1.
    #[error("the request is not HTTP/1")]
    Malformed,
    /// More than [`MAX_HEAD_BYTES`](crate::http_head::MAX_HEAD_BYTES) or [`MAX_HEADERS`](crate::http_head::MAX_HEADERS).
    #[error("the request's head is too large")]
    TooLarge,
    /// An upgrade with a body.
    #[error("an upgrade request has no body")]
    Body,
    /// An upgrade that breaks RFC 6455.
    #[error(transparent)]
    Upgrade(#[from] BadUpgrade),
}

impl BadHead {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(self) -> u16 {
        self.code().status().as_u16()
    }

    /// The bytes of the whole answer: a problem document, `Connection: close`.
    #[must_use]
    pub fn response(self) -> Vec<u8> {
        self.problem().to_http1()
    }

    /// The answer.
    pub(crate) fn problem(self) -> Problem {
        Problem::new(self.code(), self.to_string())
    }

    fn code(self) -> ProblemCode {
        match self {
            BadHead::Malformed | BadHead::Body => ProblemCode::BadRequest,
            BadHead::TooLarge => ProblemCode::HeadTooLarge,
            BadHead::Upgrade(BadUpgrade::Version) => ProblemCode::UpgradeRequired,
            BadHead::Upgrade(BadUpgrade::Key | BadUpgrade::Connection) => ProblemCode::BadUpgrade,
        }
    }
}
