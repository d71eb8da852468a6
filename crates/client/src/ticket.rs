//! Buying a ticket: the token goes in a header of a `POST`, and what comes back opens one socket.

use core::fmt;
use core::time::Duration;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bowline_client_core::DialFailure;
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use url::Url;

use crate::credential::Secret;
use crate::endpoint::{Endpoint, bearer};
use crate::failure::of_status;
use crate::tungstenite_dial::{Secure, TungsteniteDial};

/// The longest answer that is read: a ticket and two times take a few hundred bytes.
const ANSWER_BYTES: usize = 16 * 1024;

/// A ticket: opens one WebSocket, once, within [`expires_in`](Self::expires_in). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    ticket: String,
    expires_in: Option<Duration>,
}

impl Ticket {
    /// The secret itself, for `Authorization: Ticket …` or, where no header can be sent, `?ticket=` of the socket's URL.
    /// Not for logs.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.ticket
    }

    /// How long it was valid when it was sold: 30 s by default. `None` when the server did not say.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    pub(crate) fn into_secret(self) -> Secret {
        Secret::new(self.ticket)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Why there is no ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The path or an id cannot be used in a URL.
    #[error("the path cannot be used: {why}")]
    Path {
        /// Which rule it breaks.
        why: String,
    },
    /// The token provider has no token and will not have one, or there is no provider.
    #[error("the token provider has no token: {message}")]
    NoToken {
        /// Its own words.
        message: String,
    },
    /// 401: neither the token nor a second one from the provider was accepted.
    #[error("the token was not accepted (401): is it expired, or for another server?")]
    Unauthorized,
    /// 403: the account has no right to the path.
    #[error("{message}")]
    Forbidden {
        /// What the server answered.
        message: String,
    },
    /// Anything else that a repetition does not mend, such as a server that sells no tickets.
    #[error("{message}")]
    Refused {
        /// What happened, and what to do.
        message: String,
    },
    /// Worth another try: no network, a server that is busy or restarts.
    #[error("{message}")]
    Temporary {
        /// Not before this time, when the server said so.
        retry_after: Option<Duration>,
        /// What happened.
        message: String,
    },
}

impl From<DialFailure> for TicketError {
    fn from(failure: DialFailure) -> Self {
        match failure {
            DialFailure::Unauthorized => TicketError::Unauthorized,
            DialFailure::Refused { message } => TicketError::Refused { message },
            DialFailure::Temporary { retry_after, message } => {
                TicketError::Temporary { retry_after, message }
            }
        }
    }
}

impl From<TicketError> for DialFailure {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::Unauthorized => DialFailure::Unauthorized,
            TicketError::Temporary { retry_after, message } => {
                DialFailure::Temporary { retry_after, message }
            }
            TicketError::Forbidden { message } | TicketError::Refused { message } => {
                DialFailure::Refused { message }
            }
            TicketError::Path { why: message } | TicketError::NoToken { message } => {
                DialFailure::Refused { message }
            }
        }
    }
}

/// Where a dial writes down why it got no ticket, for whoever waits for the first one.
#[derive(Clone, Default)]
pub(crate) struct TicketNote(Arc<Mutex<Option<TicketError>>>);

impl TicketNote {
    pub(crate) fn write(&self, error: &TicketError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }

    pub(crate) fn read(&self) -> Option<TicketError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `POST /v1/tickets` for the endpoint's path. Its deadline is the dial's: the caller drops the future.
pub(crate) async fn buy(
    endpoint: &Endpoint,
    network: &TungsteniteDial,
    token: &Secret,
) -> Result<Ticket, TicketError> {
    let (office, path) = endpoint.ticket_office();
    let request = order(&office, path, token)?;
    let secure = if office.scheme() == "wss" { Secure::Yes } else { Secure::No };
    let host = match office.host() {
        Some(url::Host::Ipv6(address)) => address.to_string(),
        _ => office.host_str().unwrap_or_default().to_owned(),
    };
    let port = office.port_or_known_default().unwrap_or(80);
    let stream = network.open(&host, port, secure).await?;
    let (sender, exchange) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| temporary(&format!("the ticket request failed ({error})")))?;
    // The exchange moves the bytes while the answer is awaited; it may end first, with the answer already in hand.
    match select(pin!(ask(sender, request)), pin!(exchange)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    }
}

async fn ask(
    mut sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Ticket, TicketError> {
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| temporary(&format!("the ticket request failed ({error})")))?;
    let (head, body) = response.into_parts();
    if head.status == StatusCode::NOT_FOUND {
        return Err(TicketError::Refused {
            message:
                "the server sells no tickets (404 at /v1/tickets): use CredentialMode::Header or UrlToken"
                    .to_owned(),
        });
    }
    if !head.status.is_success() {
        return Err(match of_status("the ticket request", head.status, &head.headers) {
            DialFailure::Refused { message } if head.status == StatusCode::FORBIDDEN => {
                TicketError::Forbidden { message }
            }
            other => other.into(),
        });
    }
    let bytes = Limited::new(body, ANSWER_BYTES)
        .collect()
        .await
        .map_err(|_| temporary("the ticket's answer broke off or is too long"))?
        .to_bytes();
    let sold: Sold = serde_json::from_slice(&bytes)
        .map_err(|_| temporary("the ticket's answer is not the expected JSON: is this a Bowline gateway?"))?;
    Ok(Ticket { ticket: sold.ticket, expires_in: sold.expires_in.map(Duration::from_secs) })
}

/// The answer; `Debug` is not derived, because it holds the ticket.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sold {
    ticket: String,
    /// In seconds.
    #[serde(default)]
    expires_in: Option<u64>,
}

fn order(office: &Url, path: &str, token: &Secret) -> Result<Request<Full<Bytes>>, DialFailure> {
    let body = serde_json::json!({ "path": path }).to_string();
    let host = match (office.host_str(), office.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    Request::builder()
        .method(Method::POST)
        .uri(office.path())
        .header(HOST, host)
        .header(AUTHORIZATION, bearer(token)?)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| DialFailure::Refused {
            message: "the URL cannot be used for a ticket request".to_owned(),
        })
}

fn temporary(message: &str) -> TicketError {
    TicketError::Temporary { retry_after: None, message: message.to_owned() }
}
