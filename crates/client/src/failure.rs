//! Whose fault a failed dial is, and whether another try mends it.
//!
//! One table for the upgrade and for the ticket request, so that both ways in behave alike.

use core::time::Duration;
use std::io;

use bowline_client_core::DialFailure;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

/// The failure that an HTTP status other than the expected one means. `what` names the request.
pub(crate) fn of_status(what: &str, status: StatusCode, headers: &HeaderMap) -> DialFailure {
    match status.as_u16() {
        401 => DialFailure::Unauthorized,
        408 | 425 | 429 | 500..=599 => DialFailure::Temporary {
            retry_after: retry_after(headers),
            message: format!("{what} was answered {status}"),
        },
        300..=399 => DialFailure::Refused {
            message: format!("{what} was answered {status}: redirects are not followed, use the final URL"),
        },
        403 => DialFailure::Refused {
            message: format!("{what} was answered {status}: this account has no right to this path"),
        },
        404 => DialFailure::Refused {
            message: format!("{what} was answered {status}: the server has no such path, check the URL"),
        },
        _ => DialFailure::Refused { message: format!("{what} was answered {status}") },
    }
}

/// The failure that a broken byte stream means. A certificate that is not trusted hides in an `io::Error`.
pub(crate) fn of_io(what: &str, error: &io::Error) -> DialFailure {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(why)) => DialFailure::Refused {
            message: format!(
                "the server's certificate is not accepted ({why:?}): renew it, or trust its issuer with \
                 `root_certificates` if it is a private one"
            ),
        },
        Some(rustls::Error::InvalidMessage(_)) => DialFailure::Temporary {
            retry_after: None,
            message: "the server does not speak TLS on this port: is it ws:// instead of wss://?".to_owned(),
        },
        _ => DialFailure::Temporary { retry_after: None, message: format!("{what} ({error})") },
    }
}

/// `Retry-After` in seconds; at most a day is believed. The form with a date is not used by the servers that this
/// talks to.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(24 * 60 * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_to_try_again() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "7".parse().unwrap());
        let of = |status: u16| of_status("it", StatusCode::from_u16(status).unwrap(), &headers);
        assert_eq!(of(401), DialFailure::Unauthorized);
        for status in [429, 500, 502, 503, 504, 408] {
            let seven = Some(Duration::from_secs(7));
            assert!(
                matches!(of(status), DialFailure::Temporary { retry_after, .. } if retry_after == seven),
                "{status}"
            );
        }
        for status in [200, 301, 400, 403, 404, 410, 426] {
            assert!(matches!(of(status), DialFailure::Refused { .. }), "{status}");
        }
    }

    #[test]
    fn an_untrusted_certificate_is_refused_and_a_reset_is_not() {
        let bad = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(matches!(of_io("x", &io::Error::other(bad)), DialFailure::Refused { .. }));
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(matches!(of_io("x", &reset), DialFailure::Temporary { .. }));
    }
}
